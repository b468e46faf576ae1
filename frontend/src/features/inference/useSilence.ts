/** Whether replicas, which report every two seconds, have gone silent. */
import { useEffect, useState } from 'react'

const SILENT_MS = 5_000
/** The largest expected difference between the clocks of the platform and the browser. */
const SKEW_MS = 60_000

/** ``heard``: the time of the newest report. Returns true if it has not changed for five seconds or is already old. */
export function useSilence(heard: string | null): boolean {
  const [silent, setSilent] = useState(() => isOld(heard))
  useEffect(() => {
    setSilent(isOld(heard))
    const timer = setTimeout(() => setSilent(true), SILENT_MS)
    return () => clearTimeout(timer)
  }, [heard])
  return silent
}

function isOld(heard: string | null): boolean {
  return heard === null || Date.now() - Date.parse(heard) > SKEW_MS
}

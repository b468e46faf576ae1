/** Whether replicas that tell how they are every two seconds have stopped doing so. */
import { useEffect, useState } from 'react'

const SILENT_MS = 5_000
/** Clocks of the platform and of the browser may differ by so much. */
const SKEW_MS = 60_000

/** ``heard``: when one spoke last. True once that has been the same for five seconds, or is long ago already. */
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

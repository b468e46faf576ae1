/** How long ago something was, kept up to date; the exact moment on hover. */
import { Text, type TextProps, Tooltip } from '@mantine/core'
import { useSyncExternalStore } from 'react'
import { formatAge, formatMoment, NONE } from '~/lib/format'

// One clock for the whole page, so that a table of a hundred ages has one timer.
const listeners = new Set<() => void>()
let timer: ReturnType<typeof setInterval> | undefined
let tick = Date.now()

function listen(listener: () => void): () => void {
  listeners.add(listener)
  // The clock stands still while nothing listens to it, so it is set when it starts again.
  if (timer === undefined) tick = Date.now()
  timer ??= setInterval(() => {
    tick = Date.now()
    for (const notify of listeners) notify()
  }, 5_000)
  return () => {
    listeners.delete(listener)
    if (listeners.size === 0) {
      clearInterval(timer)
      timer = undefined
    }
  }
}

/** The present time, to within five seconds. A component that uses it is drawn again when it advances. */
export function useNow(): number {
  return useSyncExternalStore(listen, () => tick)
}

export function Age({ at, ...props }: { at: string | null | undefined } & TextProps) {
  const now = useNow()
  if (!at) return <Text {...props}>{NONE}</Text>
  return (
    <Tooltip label={formatMoment(at)}>
      <Text component="time" dateTime={at} style={{ whiteSpace: 'nowrap' }} {...props}>
        {formatAge(at, Math.max(now, Date.now()))}
      </Text>
    </Tooltip>
  )
}

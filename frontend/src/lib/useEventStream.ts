/** A stream of server-sent events of one object (a topic's tail, an inference's predictions), while it is looked at. */
import { useEffect, useRef, useState } from 'react'
import { useLive } from './live'

export type StreamState = 'off' | 'connecting' | 'open' | 'lost'

/**
 * Listen to ``url`` (null: to nothing) and call ``on[name]`` with the parsed data of each event of that name.
 * Follows the page's pause; the browser connects again by itself.
 */
export function useEventStream(url: string | null, on: Record<string, (data: unknown) => void>): StreamState {
  const { paused } = useLive()
  const [state, setState] = useState<StreamState>('off')
  const handlers = useRef(on)
  useEffect(() => {
    handlers.current = on
  })
  const names = Object.keys(on).sort().join(',')
  useEffect(() => {
    if (url === null || paused) {
      setState('off')
      return
    }
    setState('connecting')
    const source = new EventSource(url)
    source.onopen = () => setState('open')
    source.onerror = () => setState('lost')
    for (const name of names.split(',')) {
      source.addEventListener(name, (message: MessageEvent<string>) =>
        handlers.current[name]?.(JSON.parse(message.data)),
      )
    }
    return () => source.close()
  }, [url, paused, names])
  return state
}

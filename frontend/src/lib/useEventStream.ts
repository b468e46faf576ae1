/** A stream of server-sent events of one object (a topic's tail, an inference's predictions), while it is looked at. */
import { useEffect, useRef, useState } from 'react'
import { useLive } from './live'

export type StreamState = 'off' | 'connecting' | 'open' | 'lost'

/** A refused stream is opened again after this time; the browser reopens a lost one automatically. */
const AGAIN_MS = 5_000

/**
 * Listen to ``url`` (null: to nothing) and call ``on[name]`` with the parsed data of each event of that name.
 * Follows the page's pause and reconnects automatically. ``on.problem`` gets the problem document, whether the stream
 * sent it or was refused with it.
 */
export function useEventStream(url: string | null, on: Record<string, (data: unknown) => void>): StreamState {
  const { paused, state: page, revivals } = useLive()
  const [state, setState] = useState<StreamState>('off')
  const [attempt, setAttempt] = useState(0)
  const handlers = useRef(on)
  useEffect(() => {
    handlers.current = on
  })
  const names = Object.keys(on).sort().join(',')
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new attempt is a new connection, and so is one after the page's own went silent
  useEffect(() => {
    if (url === null || paused) {
      setState('off')
      return
    }
    setState('connecting')
    const source = new EventSource(url)
    const leaving = new AbortController()
    let again: ReturnType<typeof setTimeout> | undefined
    source.onopen = () => setState('open')
    source.onerror = () => {
      setState('lost')
      if (source.readyState !== EventSource.CLOSED) return
      // The browser tells neither status nor text of a refusal, and does not try again.
      void whyRefused(url, leaving.signal).then((problem) => problem && handlers.current.problem?.(problem))
      again = setTimeout(() => setAttempt((before) => before + 1), AGAIN_MS)
    }
    for (const name of names.split(',')) {
      source.addEventListener(name, (message: MessageEvent<string>) =>
        handlers.current[name]?.(JSON.parse(message.data)),
      )
    }
    return () => {
      source.close()
      leaving.abort()
      clearTimeout(again)
    }
  }, [url, paused, names, attempt, revivals])
  // A silent stream looks the same as a cut one. Only the page's own stream, which has signs of life, shows a cut.
  return state === 'open' && page === 'lost' ? 'lost' : state
}

/** The problem document that ``url`` answers with; null when it does not refuse (any more) or does not answer. */
async function whyRefused(url: string, signal: AbortSignal): Promise<unknown> {
  try {
    const answer = await fetch(url, { signal, credentials: 'same-origin' })
    if (!answer.ok) return await answer.json()
    await answer.body?.cancel()
  } catch {
    // The platform is unavailable, or the page was left. The next attempt will show which.
  }
  return null
}

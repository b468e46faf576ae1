/**
 * A stream of server-sent events about one object (the tail of a topic, the predictions of an inference) while it is
 * shown.
 */
import { useEffect, useRef, useState } from 'react'
import { useLive } from './live'

export type StreamState = 'off' | 'connecting' | 'open' | 'lost'

/** Milliseconds before a refused stream is opened again. The browser itself reopens a lost one. */
const AGAIN_MS = 5_000

/**
 * Listen to ``url`` (null for none) and call ``on[name]`` with the parsed data of each event of that name. Follows the
 * page's pause and reconnects automatically. ``on.problem`` gets the problem document that the stream sent, or with
 * which it was refused.
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
      // EventSource hides the status and text of a refusal, and does not try again.
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
  // A silent stream looks the same as a cut one. Only the page's own stream has signs of life, so its state decides.
  return state === 'open' && page === 'lost' ? 'lost' : state
}

/** The problem document with which ``url`` is refused; null when it is not refused (any more) or does not answer. */
async function whyRefused(url: string, signal: AbortSignal): Promise<unknown> {
  try {
    const answer = await fetch(url, { signal, credentials: 'same-origin' })
    if (!answer.ok) return await answer.json()
    await answer.body?.cancel()
  } catch {
    // The platform is unavailable, or the user left the page. The next attempt will show which.
  }
  return null
}

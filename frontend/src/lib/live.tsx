/**
 * Live: one stream of events per page. Each event makes the queries of its topic read again; a page can be paused, and
 * shows how old what it knows is. The browser reconnects by itself and goes on after the last event it saw.
 */
import { useQueryClient } from '@tanstack/react-query'
import { createContext, type ReactNode, use, useCallback, useEffect, useMemo, useRef, useState } from 'react'
import { Refresher } from './refresher'
import { SESSION_KEY } from './session'

export const TOPICS = [
  'models',
  'configurations',
  'datasets',
  'deployments',
  'results',
  'inferences',
  'streams',
  'clusters',
  'system',
] as const
export type LiveTopic = (typeof TOPICS)[number]

export interface LiveEvent {
  topic: LiveTopic
  /** What the backend published: at least the object's id. */
  data: Record<string, unknown>
}

export type LiveState = 'connecting' | 'live' | 'paused' | 'lost'

interface Live {
  state: LiveState
  /** When the last event or sign of life came, in milliseconds since 1970. */
  lastEventAt: number | null
  paused: boolean
  setPaused: (paused: boolean) => void
  subscribe: (listener: (event: LiveEvent) => void) => () => void
}

const LiveContext = createContext<Live | null>(null)

const AFTER_REFUSAL_MS = 4_000
/** An event of these changes nothing on the page of another object than the one that it names. */
const OF_ONE: ReadonlySet<LiveTopic> = new Set(['results'])

export function LiveProvider({ children }: { children: ReactNode }) {
  const queryClient = useQueryClient()
  const [connection, setConnection] = useState<'connecting' | 'live' | 'lost'>('connecting')
  const [paused, setPaused] = useState(false)
  const [lastEventAt, setLastEventAt] = useState<number | null>(null)
  const listeners = useRef(new Set<(event: LiveEvent) => void>())

  useEffect(() => {
    if (paused) return
    const refresher = new Refresher(queryClient)
    let source: EventSource
    let again: ReturnType<typeof setTimeout> | undefined
    const connect = () => {
      source = new EventSource('/api/events/')
      source.onopen = () => {
        setConnection('live')
        setLastEventAt(Date.now())
        // What changed before the stream began was not seen.
        refresher.refresh(...TOPICS)
      }
      source.onerror = () => {
        setConnection('lost')
        // A browser tries again by itself after a cut, but never after a refusal: a platform that starts, or a session
        // that has ended, which the session's query then finds out.
        if (source.readyState !== EventSource.CLOSED) return
        void queryClient.invalidateQueries({ queryKey: SESSION_KEY })
        again = setTimeout(connect, AFTER_REFUSAL_MS)
      }
      for (const topic of TOPICS) {
        source.addEventListener(topic, (message: MessageEvent<string>) => {
          setLastEventAt(Date.now())
          const data = JSON.parse(message.data) as Record<string, unknown>
          if (OF_ONE.has(topic)) refresher.refreshOne(topic, data.id)
          else refresher.refresh(topic)
          for (const listener of listeners.current) listener({ topic, data })
        })
      }
      source.addEventListener('reset', () => refresher.refresh(...TOPICS))
    }
    connect()
    return () => {
      clearTimeout(again)
      source.close()
      refresher.stop()
      setConnection('connecting')
    }
  }, [paused, queryClient])

  const subscribe = useCallback((listener: (event: LiveEvent) => void) => {
    listeners.current.add(listener)
    return () => {
      listeners.current.delete(listener)
    }
  }, [])
  const live = useMemo<Live>(
    () => ({ state: paused ? 'paused' : connection, lastEventAt, paused, setPaused, subscribe }),
    [paused, connection, lastEventAt, subscribe],
  )
  return <LiveContext value={live}>{children}</LiveContext>
}

export function useLive(): Live {
  const live = use(LiveContext)
  if (live === null) throw new Error('useLive needs a LiveProvider around it')
  return live
}

/** Call ``listener`` for each event of ``topic`` while the component is shown and the page is not paused. */
export function useLiveEvents(topic: LiveTopic, listener: (data: Record<string, unknown>) => void): void {
  const { subscribe } = useLive()
  const latest = useRef(listener)
  useEffect(() => {
    latest.current = listener
  })
  useEffect(
    () =>
      subscribe((event) => {
        if (event.topic === topic) latest.current(event.data)
      }),
    [subscribe, topic],
  )
}

/**
 * Live: one stream of events per page. Each event makes the queries of its topic read again; a page can be paused, and
 * shows how old what it knows is. The browser reconnects by itself and goes on after the last event it saw.
 */
import { type QueryClient, useQueryClient } from '@tanstack/react-query'
import { createContext, type ReactNode, use, useCallback, useEffect, useMemo, useRef, useState } from 'react'
import { SESSION_KEY } from './session'

export const TOPICS = [
  'models',
  'configurations',
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

/** Queries of one topic are read again at most this often, however many events come. */
const REFRESH_MS = 400
const AFTER_REFUSAL_MS = 4_000

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
        refresher.refreshAll()
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
          refresher.refresh(topic)
          const data = JSON.parse(message.data) as Record<string, unknown>
          for (const listener of listeners.current) listener({ topic, data })
        })
      }
      source.addEventListener('reset', () => refresher.refreshAll())
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

/** Reads again what the topics' queries show; a query of several topics only once for all of them. */
class Refresher {
  private readonly dirty = new Set<string>()
  private timer: ReturnType<typeof setTimeout> | undefined

  constructor(private readonly queryClient: QueryClient) {}

  /** At once for the first event, then at most every REFRESH_MS; the last event is never left out. */
  refresh(...topics: readonly string[]): void {
    for (const topic of topics) this.dirty.add(topic)
    if (this.timer === undefined) this.flush()
  }

  refreshAll(): void {
    this.refresh(...TOPICS)
  }

  stop(): void {
    clearTimeout(this.timer)
    this.timer = undefined
    this.dirty.clear()
  }

  private flush(): void {
    const topics = new Set(this.dirty)
    this.dirty.clear()
    this.timer = setTimeout(() => {
      this.timer = undefined
      if (this.dirty.size > 0) this.flush()
    }, REFRESH_MS)
    void this.queryClient.invalidateQueries({
      predicate: (query) => {
        const [key] = query.queryKey as [{ tags?: readonly string[] }?]
        return key?.tags?.some((tag) => topics.has(tag)) ?? false
      },
    })
  }
}

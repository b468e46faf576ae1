/**
 * Live updates: one stream of events per page. Each event makes the queries of its topic read again. A page can be
 * paused, and shows how old its data are. The browser reconnects automatically and goes on after the last event it saw.
 */
import { useQueryClient } from '@tanstack/react-query'
import { createContext, type ReactNode, use, useCallback, useEffect, useMemo, useRef, useState } from 'react'
import type { Session } from './api'
import { type Connection, EventConnection } from './eventConnection'
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

/** ``live``: something was heard in the last five seconds. */
export type LiveState = Connection | 'paused'

interface Live {
  state: LiveState
  /** When the last event came, in milliseconds since 1970. */
  lastEventAt: number | null
  /** Of when what is shown is, in milliseconds since 1970; null while it is live. */
  asOf: number | null
  /** How often a stream began after one that had gone silent. The page's other streams have gone silent too. */
  revivals: number
  paused: boolean
  setPaused: (paused: boolean) => void
  subscribe: (listener: (event: LiveEvent) => void) => () => void
}

const LiveContext = createContext<Live | null>(null)

/** An event of these changes nothing on the page of another object than the one that it names. */
const OF_ONE: ReadonlySet<LiveTopic> = new Set(['results'])

export function LiveProvider({ children }: { children: ReactNode }) {
  const queryClient = useQueryClient()
  const [connection, setConnection] = useState<Connection>('connecting')
  const [paused, setPaused] = useState(false)
  const [lastEventAt, setLastEventAt] = useState<number | null>(null)
  const [asOf, setAsOf] = useState<number | null>(null)
  const [revivals, setRevivals] = useState(0)
  const listeners = useRef(new Set<(event: LiveEvent) => void>())

  /** Data read after the session are not older than this event, so the events after it report all later changes. */
  const beginsAfter = useRef(queryClient.getQueryData<Session>(SESSION_KEY)?.last_event_id ?? null)

  useEffect(() => {
    if (paused) return
    const refresher = new Refresher(queryClient)
    let whole = beginsAfter.current !== null
    const stream = new EventConnection('/api/events/', beginsAfter.current, [...TOPICS, 'reset'], {
      state: (state, heardAt) => {
        setConnection(state)
        setAsOf(state === 'live' ? null : heardAt)
      },
      opened: (replaced) => {
        setLastEventAt(Date.now())
        if (replaced) setRevivals((count) => count + 1)
        if (replaced || !whole) refresher.refresh(...TOPICS)
        whole = true
      },
      event: (name, data) => {
        const topic = TOPICS.find((known) => known === name)
        if (topic === undefined) {
          refresher.refresh(...TOPICS)
          return
        }
        setLastEventAt(Date.now())
        // A quiet one says that all is as it was.
        if (data.quiet !== true) {
          if (OF_ONE.has(topic)) refresher.refreshOne(topic, data.id)
          else refresher.refresh(topic)
        }
        for (const listener of listeners.current) listener({ topic, data })
      },
      // A session that has ended is found out by its query.
      refused: () => void queryClient.invalidateQueries({ queryKey: SESSION_KEY }),
    })
    return () => {
      stream.close()
      refresher.stop()
      // A page that was held still has missed events, perhaps more than are kept.
      beginsAfter.current = null
      setConnection('connecting')
      setAsOf(Date.now())
    }
  }, [paused, queryClient])

  const subscribe = useCallback((listener: (event: LiveEvent) => void) => {
    listeners.current.add(listener)
    return () => {
      listeners.current.delete(listener)
    }
  }, [])
  const live = useMemo<Live>(
    () => ({ state: paused ? 'paused' : connection, lastEventAt, asOf, revivals, paused, setPaused, subscribe }),
    [paused, connection, lastEventAt, asOf, revivals, subscribe],
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

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
  /** The data of the event; always the id of the object. */
  data: Record<string, unknown>
}

/** The state of live updates. ``live`` means that a sign of life arrived in the last five seconds. */
export type LiveState = Connection | 'paused'

interface Live {
  state: LiveState
  /** When the last event arrived, in milliseconds since 1970. */
  lastEventAt: number | null
  /** The time that the data are of, in milliseconds since 1970; null while they are live. */
  asOf: number | null
  /**
   * How often a silent stream was replaced. Other streams of the page reconnect then, because they have gone silent
   * too.
   */
  revivals: number
  paused: boolean
  setPaused: (paused: boolean) => void
  subscribe: (listener: (event: LiveEvent) => void) => () => void
}

const LiveContext = createContext<Live | null>(null)

/** Topics whose events affect only pages of the object that they name. */
const OF_ONE: ReadonlySet<LiveTopic> = new Set(['results'])

export function LiveProvider({ children }: { children: ReactNode }) {
  const queryClient = useQueryClient()
  const [connection, setConnection] = useState<Connection>('connecting')
  const [paused, setPaused] = useState(false)
  const [lastEventAt, setLastEventAt] = useState<number | null>(null)
  const [asOf, setAsOf] = useState<number | null>(null)
  const [revivals, setRevivals] = useState(0)
  const listeners = useRef(new Set<(event: LiveEvent) => void>())

  /** The id of the newest event when the session was read. Later data include it, so only events after it matter. */
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
        // A quiet event only says that the object is unchanged.
        if (data.quiet !== true) {
          if (OF_ONE.has(topic)) refresher.refreshOne(topic, data.id)
          else refresher.refresh(topic)
        }
        for (const listener of listeners.current) listener({ topic, data })
      },
      // The query of the session finds out whether the session has ended.
      refused: () => void queryClient.invalidateQueries({ queryKey: SESSION_KEY }),
    })
    return () => {
      stream.close()
      refresher.stop()
      // During a pause the page missed events, perhaps more than the server keeps, so all data are read again.
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

/** Call ``listener`` for each event of ``topic`` while the component is mounted and the page is not paused. */
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

/** The live tail of a topic: its last records, how many arrived, and how fast. */
import { useEffect, useRef, useState } from 'react'
import type { Problem as ProblemDocument, TopicRecord } from '~/lib/api'
import { Problem } from '~/lib/problem'
import { type StreamState, useEventStream } from '~/lib/useEventStream'

/** The most records kept, so that a page that stays open neither grows nor slows down. */
export const MOST_RECORDS = 200

export interface Tail {
  state: StreamState
  records: readonly TopicRecord[]
  /** How many records have arrived since the tail was opened. */
  arrived: number
  perSecond: number
  error: Problem | null
  clear: () => void
}

interface Frame {
  /** The records, newest first. */
  records: TopicRecord[]
  arrived: number
}

/** ``url``: null closes the tail. While ``held``, the records stay the same and new ones are only counted. */
export function useTail(url: string | null, held: boolean): Tail {
  const [records, setRecords] = useState<readonly TopicRecord[]>([])
  const [arrived, setArrived] = useState(0)
  const [error, setError] = useState<Problem | null>(null)
  const [perSecond, setPerSecond] = useState(0)
  const recent = useRef<[number, number][]>([])
  const state = useEventStream(url, {
    opened: () => setError(null),
    records: (data) => {
      const frame = data as Frame
      recent.current.push([performance.now(), frame.arrived])
      setArrived((before) => before + frame.arrived)
      if (!held) setRecords((before) => newest(frame.records, before))
    },
    problem: (data) => setError(new Problem(data as ProblemDocument)),
  })
  // At another topic, partition or decoder the old records are dropped.
  // biome-ignore lint/correctness/useExhaustiveDependencies: the address is what changes
  useEffect(() => {
    recent.current = []
    setRecords([])
    setArrived(0)
    setPerSecond(0)
    setError(null)
  }, [url])
  useEffect(() => {
    if (url === null) return
    const timer = setInterval(() => {
      const since = performance.now() - RATE_MS
      recent.current = recent.current.filter(([at]) => at > since)
      setPerSecond(recent.current.reduce((sum, [, count]) => sum + count, 0) / (RATE_MS / 1000))
    }, 1000)
    return () => clearInterval(timer)
  }, [url])
  return { state, records, arrived, perSecond, error, clear: () => setRecords([]) }
}

const RATE_MS = 5_000

/** The newest records: ``next`` followed by ``before``, at most MOST_RECORDS. */
export function newest(next: readonly TopicRecord[], before: readonly TopicRecord[]): readonly TopicRecord[] {
  return [...next, ...before].slice(0, MOST_RECORDS)
}

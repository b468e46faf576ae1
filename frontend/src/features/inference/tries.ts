/** The tries of this session by inference. They are kept while the page is loaded; the oldest are forgotten. */
import { useCallback, useSyncExternalStore } from 'react'
import type { SampleData } from '~/components/SampleView'
import type { Try } from '~/lib/api'
import type { Problem } from '~/lib/problem'

export interface TryEntry {
  number: number
  at: Date
  /** The ``sample`` and ``shape`` of the request, to send it again. */
  sample: unknown
  shape: number[] | null
  /** The sample as the page draws it. */
  shown: SampleData | null
  /** The true label of a training sample, where known. */
  truth: string | null
  answer: Try | null
  problem: Problem | null
}

const MAX_TRIES = 30
const EMPTY: readonly TryEntry[] = []
const kept = new Map<number, readonly TryEntry[]>()
const listeners = new Set<() => void>()

export function useTries(inference: number) {
  const tries = useSyncExternalStore(
    useCallback((listener: () => void) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    }, []),
    () => kept.get(inference) ?? EMPTY,
  )
  const add = useCallback(
    (entry: Omit<TryEntry, 'number'>) => {
      const before = kept.get(inference) ?? EMPTY
      kept.set(inference, [{ ...entry, number: (before[0]?.number ?? 0) + 1 }, ...before].slice(0, MAX_TRIES))
      for (const listener of listeners) listener()
    },
    [inference],
  )
  return { tries, add }
}

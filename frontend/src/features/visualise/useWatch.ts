/** The live predictions of one inference: the store that collects them, and hooks that read it. */
import { useEffect, useMemo, useState } from 'react'
import { type Problem, problemOf } from '~/lib/problem'
import { type StreamState, useEventStream } from '~/lib/useEventStream'
import { type Frame, NOTIFY_MS, WatchStore } from './frames'

export interface Watch {
  store: WatchStore
  state: StreamState
  problem: Problem | null
}

/** Listen to the predictions of ``inference``. Another ``query`` (see streamQuery) opens another stream. */
export function useWatch(inference: number, query: string): Watch {
  // biome-ignore lint/correctness/useExhaustiveDependencies: what was seen of another inference is not shown
  const store = useMemo(() => new WatchStore(), [inference])
  const [problem, setProblem] = useState<Problem | null>(null)
  const state = useEventStream(`/api/inferences/${inference}/predictions/?${query}`, {
    snapshot: (data) => {
      setProblem(null)
      store.snapshot(data as Frame)
    },
    frame: (data) => store.frame(data as Frame),
    waiting: (data) => {
      setProblem(null)
      store.waitFor((data as { topic: string }).topic)
    },
    problem: (data) => setProblem(problemOf(data)),
  })
  return { store, state, problem }
}

/** Read a value from the store, again after each change but at most every ``everyMs``. */
export function useStore<T>(store: WatchStore, read: (store: WatchStore) => T, everyMs = 100): T {
  const [version, setVersion] = useState(0)
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined
    const look = () => {
      timer = undefined
      setVersion(store.version)
    }
    const stop = store.subscribe(() => {
      if (everyMs <= NOTIFY_MS) look()
      else timer ??= setTimeout(look, everyMs - NOTIFY_MS)
    })
    look()
    return () => {
      stop()
      clearTimeout(timer)
    }
  }, [store, everyMs])
  // biome-ignore lint/correctness/useExhaustiveDependencies: the store stays the same object; its version says that it changed
  return useMemo(() => read(store), [store, version])
}

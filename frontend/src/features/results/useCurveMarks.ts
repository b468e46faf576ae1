/** What is marked on the curves of a training: its versions, and the best epoch. */
import { useMemo } from 'react'
import type { CurveMark } from '~/components/charts/LearningCurves'
import type { EpochMetrics, Result, Version } from '~/lib/api'
import { hasEnded } from '~/lib/runs'
import { useVersions } from '~/lib/useVersions'

/** Clocks of workers and of the platform differ by less. */
const SKEW_MS = 60_000

/** The versions that were made while this training went on, or the best of its epochs. */
export function useCurveMarks(result: Result, epochs: readonly EpochMetrics[]): readonly CurveMark[] {
  const began = epochs[0]?.window?.ended_ms ?? null
  const { id, version_count, current_version } = result
  const { data } = useVersions(id, [version_count, current_version], began !== null && version_count > 0)
  const best = bestEpochOf(result)
  return useMemo(() => {
    if (began !== null) return marksOf(data ?? [], began - SKEW_MS)
    return best === null ? [] : [{ epoch: best, label: 'best' }]
  }, [data, began, best])
}

/** The best epoch, while a training runs the best so far. */
export function bestEpochOf({ state, outcome, metrics }: Pick<Result, 'state' | 'outcome' | 'metrics'>): number | null {
  // A training that goes on may have the outcome of an earlier one.
  return (hasEnded({ state }) ? outcome?.best_epoch?.epoch : undefined) ?? metrics?.best_epoch ?? null
}

/** Versions of an earlier training of the result count other windows. */
export function marksOf(
  versions: readonly Pick<Version, 'number' | 'step' | 'created_at'>[],
  since: number,
): CurveMark[] {
  return versions
    .flatMap(({ number, step, created_at }) =>
      step === null || Date.parse(created_at) < since ? [] : [{ epoch: step, label: `v${number}` }],
    )
    .sort((a, b) => a.epoch - b.epoch)
}

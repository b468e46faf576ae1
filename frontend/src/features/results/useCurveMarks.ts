/** The marks on the curves of a training: its versions, or the best epoch. */
import { useMemo } from 'react'
import type { CurveMark } from '~/components/charts/LearningCurves'
import type { EpochMetrics, Result, Version } from '~/lib/api'
import { hasEnded } from '~/lib/runs'
import { useVersions } from '~/lib/useVersions'

/** The largest expected difference between the clocks of workers and of the platform. */
const SKEW_MS = 60_000

/** Marks for the versions made during this training or, without windows, for the best epoch. */
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

/** The best epoch; while a training runs, the best so far. */
export function bestEpochOf({ state, outcome, metrics }: Pick<Result, 'state' | 'outcome' | 'metrics'>): number | null {
  // While a training runs, its outcome may be that of an earlier one.
  return (hasEnded({ state }) ? outcome?.best_epoch?.epoch : undefined) ?? metrics?.best_epoch ?? null
}

/**
 * Marks of versions since ``since``. Older versions belong to an earlier training, whose windows were counted
 * separately.
 */
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

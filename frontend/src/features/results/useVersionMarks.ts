/** Where on the curves of a training its versions are. */
import { useMemo } from 'react'
import type { CurveMark } from '~/components/charts/LearningCurves'
import type { EpochMetrics, Result, Version } from '~/lib/api'
import { useVersions } from '~/lib/useVersions'

/** Clocks of workers and of the platform differ by less. */
const SKEW_MS = 60_000

/** Where on the curves a version was made while this training went on. */
export function useVersionMarks(result: Result, epochs: readonly EpochMetrics[]): readonly CurveMark[] {
  const began = epochs[0]?.window?.ended_ms ?? null
  const { id, version_count, current_version } = result
  const { data } = useVersions(id, [version_count, current_version], began !== null && version_count > 0)
  return useMemo(() => (began === null ? [] : marksOf(data ?? [], began - SKEW_MS)), [data, began])
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

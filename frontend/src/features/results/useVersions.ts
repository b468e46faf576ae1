/** The versions of a result, read again when there is another one or another one is current; not with each window. */
import { useQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import type { CurveMark } from '~/components/charts/LearningCurves'
import { type EpochMetrics, type Result, resultsVersionsList, type Version } from '~/lib/api'

/** As many as a page shows; older ones are read by the command line. */
const MOST = 200

export function useVersions(result: Pick<Result, 'id' | 'version_count' | 'current_version'>, enabled = true) {
  const { id, version_count, current_version } = result
  return useQuery({
    queryKey: ['versions', id, version_count, current_version],
    queryFn: async ({ signal }) =>
      (await resultsVersionsList({ path: { id: String(id) }, query: { limit: MOST }, signal, throwOnError: true })).data
        .results,
    enabled,
  })
}

/** Clocks of workers and of the platform differ by less. */
const SKEW_MS = 60_000

/** Where on the curves a version was made while this training went on. */
export function useVersionMarks(result: Result, epochs: readonly EpochMetrics[]): readonly CurveMark[] {
  const began = epochs[0]?.window?.ended_ms ?? null
  const { data } = useVersions(result, began !== null && result.version_count > 0)
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

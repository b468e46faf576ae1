/** The results trained in one run: those of the sub-models of a chain. */
import { useQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import { type Result, type ResultRow, resultsListOptions } from '~/lib/api'

/** The id of the result that leads the run: the top of a chain, or the result itself. */
export function runOf({ id, leader }: Pick<ResultRow, 'id' | 'leader'>): number {
  return leader ?? id
}

/** The parts of a result's run, the lowest first, including itself; empty for an ordinary model. */
export function useRunParts(result: Pick<Result, 'id' | 'leader' | 'tier' | 'deployment'>): readonly ResultRow[] {
  const rows = useQuery({
    ...resultsListOptions({ query: { deployment: result.deployment, limit: 100 } }),
    enabled: result.tier !== null,
  }).data?.results
  const run = runOf(result)
  return useMemo(
    () =>
      (rows ?? [])
        .filter((row) => row.tier !== null && runOf(row) === run)
        .sort((a, b) => (a.tier ?? 0) - (b.tier ?? 0)),
    [rows, run],
  )
}

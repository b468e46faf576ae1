/** Which result of a model is the best by a metric of its test. */
import { greaterIsBetter } from '~/components/charts/curves'
import type { ResultRow } from '~/lib/api'

type Tested = Pick<ResultRow, 'id' | 'outcome'>

const MOST_SHOWN = 4

/** Names of test metrics, the most frequent first. */
export function metricNamesOf(rows: readonly Tested[]): string[] {
  const counts = new Map<string, number>()
  for (const row of rows) {
    for (const name of Object.keys(row.outcome?.test_metrics ?? {})) counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return [...counts]
    .sort((one, other) => other[1] - one[1] || one[0].localeCompare(other[0]))
    .map(([name]) => name)
    .slice(0, MOST_SHOWN)
}

/** The id of the best result; undefined with fewer than two results to compare. */
export function bestOf(rows: readonly Tested[], name: string): number | undefined {
  const known = rows.flatMap((row) => {
    const value = row.outcome?.test_metrics[name]
    return value === null || value === undefined ? [] : [{ id: row.id, value }]
  })
  if (known.length < 2) return undefined
  const sign = greaterIsBetter(name) === false ? -1 : 1
  return known.reduce((best, candidate) => (sign * candidate.value > sign * best.value ? candidate : best)).id
}

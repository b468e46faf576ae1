/** Axes of a picture of several runs: one line a run, across parameters that differ and what came of them. */
import type { Result } from '~/lib/api'
import { choices, columnTitle, type RunValue, runValue, valueText } from './runValues'

/** More axes leave no room for their names. */
const MOST_AXES = 8

export interface Axis {
  column: string
  title: string
  /** In order, where the values are words; null for numbers. */
  words: string[] | null
  /** One a run; null where it has none. */
  values: (number | string | null)[]
}

/** Parameters that differ, then scores; numbers on a scale, all else in words. */
export function axesOf(results: readonly Result[]): Axis[] {
  const kinds = new Map(choices(results, []).map(({ kind, columns }) => [kind, columns]))
  const parameters = (kinds.get('parameter') ?? []).filter(
    (column) => new Set(results.map((row) => runValue(row, column))).size > 1,
  )
  // Losses of different code cannot be compared, so they are not an axis with a better end.
  const found = [...parameters, ...(kinds.get('score') ?? [])]
  return found.slice(-MOST_AXES).map((column) =>
    axisOf(
      column,
      results.map((row) => runValue(row, column)),
    ),
  )
}

function axisOf(column: string, given: readonly RunValue[]): Axis {
  const known = given.filter((value) => value !== undefined && value !== null)
  const numbers = known.every((value) => typeof value === 'number')
  const values = given.map((value) =>
    value === undefined || value === null ? null : numbers ? (value as number) : valueText(value),
  )
  return {
    column,
    title: columnTitle(column),
    words: numbers ? null : [...new Set(values.filter((value) => value !== null))].map(String).sort(),
    values,
  }
}

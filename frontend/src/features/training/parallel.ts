/** The axes of parallel coordinates: one line per run, across differing parameters and scores. */
import type { Result } from '~/lib/api'
import { choices, columnTitle, type RunValue, runValue, valueText } from './runValues'

/** The most axes that leave room for their names. */
const MOST_AXES = 8

export interface Axis {
  column: string
  title: string
  /** The words of an axis in order; null for an axis of numbers. */
  words: string[] | null
  /** One value per run; null when the run has none. */
  values: (number | string | null)[]
}

/** The axes: differing parameters, then scores. Numbers have a scale, all other values are words. */
export function axesOf(results: readonly Result[]): Axis[] {
  const kinds = new Map(choices(results, []).map(({ kind, columns }) => [kind, columns]))
  const parameters = (kinds.get('parameter') ?? []).filter(
    (column) => new Set(results.map((row) => runValue(row, column))).size > 1,
  )
  // Metrics such as losses have no axis, because those of different code cannot be compared.
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

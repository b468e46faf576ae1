/** The values of training runs shown as columns: scores, metrics and parameters, under the API's own names. */
import type { ResultRow } from '~/lib/api'
import { formatMeasured } from '~/lib/format'
import { scoreTitle } from '~/lib/scores'

export const KINDS = ['score', 'parameter', 'best', 'best_training', 'test'] as const
export type Kind = (typeof KINDS)[number]

export const KIND_TITLES: Record<Kind, string> = {
  score: 'Scores, by one rule for all frameworks',
  parameter: 'Parameters',
  best: 'Best while validating',
  best_training: 'Best while training',
  test: "Test metrics of the run's framework",
}

/** The scores shown until the user chooses others, followed by as many parameters as there is room for. */
const DEFAULT_SCORES = ['score.accuracy', 'score.mean_absolute_error', 'score.root_mean_squared_error']
const DEFAULT_PARAMETERS = ['parameter.epochs', 'parameter.batch_size', 'parameter.seed']
const DEFAULT_COUNT = 4
/** The most columns that fit a screen. The API can sort by this many. */
export const MOST_VALUES = 8

export type RunValue = number | string | boolean | null | undefined

function valuesOf(row: ResultRow): Record<Kind, Record<string, unknown>> {
  const best = (found: Record<string, { value: unknown }> | undefined) =>
    Object.fromEntries(Object.entries(found ?? {}).map(([name, { value }]) => [name, value]))
  return {
    score: row.outcome?.scores ?? {},
    parameter: row.parameters,
    best: best(row.history?.best_validation),
    best_training: best(row.history?.best_training),
    test: row.outcome?.test_metrics ?? {},
  }
}

/** The kind and the name in a column such as 'score.accuracy'; null for any other text. */
export function columnOf(text: string): { kind: Kind; name: string } | null {
  const dot = text.indexOf('.')
  const kind = KINDS.find((known) => known === text.slice(0, dot))
  const name = text.slice(dot + 1)
  return kind && name ? { kind, name } : null
}

/** The columns shown for ``rows`` by default: accuracy for classifiers, errors for regressions. */
function defaultColumns(rows: readonly ResultRow[]): string[] {
  const scores = DEFAULT_SCORES.filter((column) => rows.some((row) => runValue(row, column) !== undefined))
  // Runs without a score, such as those that still train, are expected to be classifiers.
  return [...(scores.length > 0 ? scores : DEFAULT_SCORES.slice(0, 1)), ...DEFAULT_PARAMETERS].slice(0, DEFAULT_COUNT)
}

/** The valid columns in an address; the default ones for ``rows`` when it names none. */
export function columnsOf(text: string | undefined, rows: readonly ResultRow[] = []): string[] {
  if (text === undefined) return defaultColumns(rows)
  return [...new Set(text.split(','))].filter((column) => columnOf(column)).slice(0, MOST_VALUES)
}

/** The title of a column, such as 'epochs' or 'validation loss, best'. */
export function columnTitle(column: string): string {
  const found = columnOf(column)
  if (!found) return column
  const { kind, name } = found
  if (kind === 'best') return `validation ${name}, best`
  if (kind === 'best_training') return `${name}, best`
  if (kind === 'test') return `test ${name}`
  return scoreTitle(name)
}

/** The value of a run: null is not a finite number, undefined means that the run has none. */
export function runValue(row: ResultRow, column: string): RunValue {
  const found = columnOf(column)
  if (!found) return undefined
  const value = valuesOf(row)[found.kind][found.name]
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : (value as RunValue)
}

export function valueText(value: RunValue): string {
  if (typeof value === 'string' || typeof value === 'boolean') return String(value)
  return formatMeasured(value)
}

/** The columns to choose from, by kind: those with values in the rows, and those chosen before. */
export function choices(rows: readonly ResultRow[], chosen: readonly string[]): { kind: Kind; columns: string[] }[] {
  const known = new Set(chosen)
  for (const row of rows) {
    const values = valuesOf(row)
    for (const kind of KINDS) for (const name of Object.keys(values[kind])) known.add(`${kind}.${name}`)
  }
  // A name with a comma cannot be a column, because commas separate columns in the address.
  const all = [...known].filter((column) => !column.includes(',')).sort()
  return KINDS.map((kind) => ({ kind, columns: all.filter((column) => columnOf(column)?.kind === kind) })).filter(
    ({ columns }) => columns.length > 0,
  )
}

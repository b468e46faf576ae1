/** The differences between training runs: settings row by row, metrics, and lines of code. */

import { diffArrays } from 'diff'
import { writtenArguments } from '~/components/argumentCompletion'
import { greaterIsBetter } from '~/components/charts/curves'
import type { Deployment, Framework, Result } from '~/lib/api'
import { formatCount, formatMeasured, formatSeconds, NONE } from '~/lib/format'
import { titleOf } from '~/lib/frameworks'
import { durationSeconds } from '~/lib/runs'
import { type ScoreName, scoreTitle } from '~/lib/scores'
import { argumentText, PURPOSES, type Purpose, sharedName } from './form'

/** A result with its deployment, which says how it trained; null until it is read. */
export interface Compared {
  result: Result
  deployment: Deployment | null
}

export interface DiffRow {
  name: string
  /** One value per compared run; '–' for a setting that is not set. */
  values: string[]
  differs: boolean
}

/** The rows of settings: those of the deployment, each argument, the data and the versions. */
export function settingRows(runs: readonly Compared[], frameworks: readonly Framework[]): DiffRow[] {
  const rows: DiffRow[] = []
  const add = (name: string, of: (run: Compared) => string | number | null | undefined) => {
    const values = runs.map((run) => {
      const value = of(run)
      return value === null || value === undefined || value === '' ? NONE : String(value)
    })
    // A missing value does not count as a difference: a failed run has no outcome, and PyTorch has no version of Keras.
    const known = new Set(values.filter((value) => value !== NONE))
    if (known.size > 0) rows.push({ name, values, differs: known.size > 1 })
  }
  add('Model', ({ result }) => result.model_name)
  add('Framework', ({ result }) => titleOf(frameworks, result.framework))
  add('Deployment', ({ result }) => result.deployment)
  add('Stream', ({ result }) => result.stream)
  add('Batch size', ({ deployment }) => deployment?.batch_size)
  for (const purpose of PURPOSES) {
    const written = runs.map(({ result, deployment }) =>
      deployment ? sharedArguments(deployment, frameworks, result.framework, purpose) : {},
    )
    for (const name of new Set(written.flatMap((values) => Object.keys(values)))) {
      const values = written.map((written) => written[name] ?? NONE)
      rows.push({
        name: purpose === 'fit' ? name : `evaluation: ${name}`,
        values,
        differs: new Set(values).size > 1,
      })
    }
  }
  add('Targets', ({ deployment }) => deployment?.targets)
  add('Seed', ({ deployment }) => deployment?.seed)
  add('GPUs', ({ deployment }) => deployment?.gpu)
  add('Mode', ({ deployment }) => deployment?.mode)
  for (const [part, title] of [
    ['training', 'Training samples'],
    ['validation', 'Validation samples'],
    ['test', 'Test samples'],
  ] as const) {
    add(title, ({ result }) => formatCount(result.outcome?.samples[part]))
  }
  add('Data', ({ result }) => result.outcome?.slice_sha256.slice(0, 12))
  add('Code', ({ result }) => result.outcome?.code_sha256.slice(0, 12))
  add('Split', ({ result }) => result.outcome?.split)
  const packages = new Set(runs.flatMap(({ result }) => Object.keys(result.outcome?.versions ?? {})))
  for (const name of [...packages].sort()) add(name, ({ result }) => result.outcome?.versions[name])
  add('Duration', ({ result }) => formatSeconds(durationSeconds(result, Date.now())))
  return rows
}

/** A run's arguments as written, under names that all frameworks share. */
function sharedArguments(
  deployment: Deployment,
  frameworks: readonly Framework[],
  framework: string,
  purpose: Purpose,
): Record<string, string> {
  const accepted = frameworks.find(({ name }) => name === framework)?.arguments[purpose].accepted
  const written = Object.entries(writtenArguments(argumentText(deployment, framework, purpose)))
  return Object.fromEntries(written.map(([name, value]) => [sharedName(name, accepted?.[name]), value]))
}

export interface MetricRow {
  name: string
  /** One value per run: null is not a finite number, undefined means that the run has none. */
  values: (number | null | undefined)[]
  /** Indices of the best values; empty when there is nothing to choose between. */
  best: number[]
  lowerIsBetter: boolean
  /** Whether the platform computed the metric, by one rule for all frameworks. */
  score: boolean
  /** Why no best value is chosen; empty when one is, or when there are not two values. */
  note: string
}

const SAME_CODE = 'defined by the code of each model: not comparable'
const SAME_FRAMEWORK = 'defined by each framework: not comparable'
const SAME_SAMPLES = 'on different test samples: not comparable'

/** Whether all rows have the same value of ``of``. */
function same<T>(having: readonly T[], of: (row: T) => unknown): boolean {
  return new Set(having.map(of)).size < 2
}

/** Why the values of a framework's metric cannot be compared; empty when they can. */
function incomparable(metric: string, having: readonly Result[]): string {
  if (greaterIsBetter(metric) !== true && !same(having, ({ imports, code }) => `${imports}\n${code}`)) return SAME_CODE
  return same(having, ({ framework }) => framework) ? '' : SAME_FRAMEWORK
}

/** The relative difference below which numbers look the same in the table and count as the same. */
const SAME = 5e-5

/** The rows of metrics: the platform's own scores, then last, best and test value of each metric of the frameworks. */
export function metricRows(results: readonly Result[]): MetricRow[] {
  const rows: MetricRow[] = []
  const add = (title: string, metric: string, of: (result: Result) => number | null | undefined, score = false) => {
    const values = results.map(of)
    const lowerIsBetter = greaterIsBetter(metric) === false
    const known = values.filter((value) => typeof value === 'number')
    const lost = values.includes(null)
    if (known.length === 0 && !lost) return
    const having = results.filter((_, index) => values[index] !== undefined)
    const samples = ({ outcome }: Result) => `${outcome?.slice_sha256} ${outcome?.split}`
    const reason = score ? (same(having, samples) ? '' : SAME_SAMPLES) : incomparable(metric, having)
    const best = lowerIsBetter ? Math.min(...known) : Math.max(...known)
    const near = (value: number) => Math.abs(value - best) <= SAME * Math.max(Math.abs(value), Math.abs(best))
    // A finite number is better than one that is not.
    const decided = reason === '' && known.length > 0 && (lost || (known.length > 1 && !known.every(near)))
    rows.push({
      name: title,
      values,
      lowerIsBetter,
      score,
      note: having.length > 1 ? reason : '',
      best: decided ? values.flatMap((value, index) => (typeof value === 'number' && near(value) ? [index] : [])) : [],
    })
  }
  const names = (of: (result: Result) => Record<string, unknown> | null | undefined) => [
    ...new Set(results.flatMap((result) => Object.keys(of(result) ?? {}))),
  ]
  for (const name of names((result) => result.outcome?.scores)) {
    add(scoreTitle(name), name, (result) => result.outcome?.scores?.[name as ScoreName], true)
  }
  for (const name of names((result) => result.outcome?.baseline?.scores)) {
    const values = results.map((result) => result.outcome?.baseline?.scores[name as ScoreName])
    const title = `constant prediction: ${scoreTitle(name)}`
    rows.push({ name: title, values, lowerIsBetter: false, score: true, note: '', best: [] })
  }
  for (const name of names((result) => result.outcome?.test_metrics)) {
    add(`test ${name}`, name, (result) => result.outcome?.test_metrics[name])
  }
  for (const part of ['validation', 'training'] as const) {
    for (const name of names((result) => result.metrics?.[part])) {
      const best = (result: Result) =>
        part === 'validation' ? result.history?.best_validation[name] : result.history?.best_training[name]
      add(`${part} ${name}, best`, name, (result) => best(result)?.value)
      add(`${part} ${name}, last`, name, (result) => result.metrics?.[part][name])
    }
  }
  return rows
}

/** The columns as a Markdown table, to copy into a document. */
export function asMarkdown(
  names: readonly string[],
  settings: readonly DiffRow[],
  metrics: readonly MetricRow[],
): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [
    line(['', ...names]),
    line(['---', ...names.map(() => '---')]),
    ...metrics.map((row) => line([row.name, ...row.values.map(formatMeasured)])),
    ...settings.map((row) => line([row.name, ...row.values])),
  ].join('\n')
}

export interface LinePair {
  left: string | null
  right: string | null
  same: boolean
}

/** The most differing lines that are aligned. More would take too long while the page waits. */
const MAX_EDITS = 2000

/** Aligns two texts: common lines stand next to each other, and other lines keep their order. */
export function diffLines(left: string, right: string): LinePair[] {
  const [a, b] = [left.split('\n'), right.split('\n')]
  const changes = diffArrays(a, b, { maxEditLength: MAX_EDITS }) ?? [
    { removed: true, added: false, value: a },
    { removed: false, added: true, value: b },
  ]
  return changes.flatMap(({ removed, added, value }, index): LinePair[] => {
    if (!removed && !added) return value.map((line) => ({ left: line, right: line, same: true }))
    const before = changes[index - 1]
    if (added && before?.removed) return []
    const after = changes[index + 1]
    const inserted = removed ? (after?.added ? after.value : []) : value
    const gone = removed ? value : []
    return Array.from({ length: Math.max(gone.length, inserted.length) }, (_, line) => ({
      left: gone[line] ?? null,
      right: inserted[line] ?? null,
      same: false,
    }))
  })
}

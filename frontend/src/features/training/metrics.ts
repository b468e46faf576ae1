/** Figures of a training run in a table: the main metric with last, best and test value; progress; duration. */
import { type Unit, unitOf } from '~/components/charts/curves'
import type { ResultRow } from '~/lib/api'
import { formatCount, formatExact, plural } from '~/lib/format'
import { scoreTitle } from '~/lib/scores'

export interface MainMetric {
  /** The name of the metric, such as 'accuracy' or 'loss'. */
  name: string
  part: 'training' | 'validation'
  /** The last value: null is not a finite number, undefined means that the last epoch did not measure it. */
  last: number | null | undefined
  best: number | null
  bestEpoch: number | null
  unit: Unit
  /** The values over the training, thinned for a sparkline. */
  values: readonly (number | null)[]
}

/** The main metric of a run, chosen by the platform; null before the first epoch. */
export function mainMetric(row: Pick<ResultRow, 'history' | 'metrics'>): MainMetric | null {
  const curve = row.history?.curve
  if (!curve?.metric) return null
  const best = (curve.part === 'validation' ? row.history?.best_validation : row.history?.best_training)?.[curve.metric]
  return {
    name: curve.metric,
    part: curve.part,
    last: row.metrics?.[curve.part][curve.metric],
    best: best?.value ?? null,
    bestEpoch: best?.epoch ?? null,
    unit: unitOf(row.metrics),
    values: curve.values,
  }
}

/** The metric as text, such as 'validation accuracy'. */
export function metricTitle(metric: Pick<MainMetric, 'name' | 'part'>): string {
  return metric.part === 'validation' ? `validation ${metric.name}` : metric.name
}

/**
 * What the test says of a run: the platform's score, which is computed alike for all frameworks, otherwise the main
 * metric. A value of null is not a finite number; undefined means that it was not tested.
 */
export function testFigure(row: Pick<ResultRow, 'outcome' | 'history' | 'metrics'>) {
  const [score] = Object.entries(row.outcome?.scores ?? {})
  if (score !== undefined) return { name: scoreTitle(score[0]), value: score[1] }
  const main = mainMetric(row)
  return main === null ? undefined : { name: main.name, value: row.outcome?.test_metrics[main.name] }
}

/** Whether the last epoch measured something that is not a finite number. A model does not recover from that. */
export function hasDiverged({ metrics }: Pick<ResultRow, 'metrics'>): boolean {
  const measured = metrics === null ? [] : [metrics.training, metrics.validation].flatMap(Object.values)
  return measured.includes(null)
}

export interface ProgressView {
  /** The progress from 0 to 100; null when there is no end. */
  percent: number | null
  text: string
}

/**
 * The progress of a run, in batches over all epochs. Reading the stream is counted separately. A stream without end has
 * windows and no total.
 */
export function progressOf({ progress, metrics }: Pick<ResultRow, 'progress' | 'metrics'>): ProgressView | null {
  if (metrics?.window) return { percent: null, text: `window ${formatExact(metrics.epoch)}` }
  if (!progress) return null
  const { epoch, epochs, batch, batches } = progress
  const inside = batches > 0 ? Math.min(1, batch / batches) : 0
  if (epoch === 0) {
    const total = batches > 0 ? ` of ${formatCount(batches)}` : ''
    return { percent: inside * 100, text: `reading the stream: record ${formatCount(batch)}${total}` }
  }
  const done = epochs > 0 ? (epoch - 1 + inside) / epochs : 0
  const batchText = batches > 0 ? `, batch ${formatCount(batch)} of ${formatCount(batches)}` : ''
  return { percent: Math.min(100, done * 100), text: `epoch ${epoch} of ${epochs}${batchText}` }
}

/** Why a run is in its state, when the state alone does not say. */
export function stateNote(
  row: Pick<ResultRow, 'state' | 'stream' | 'desired' | 'attempt'> & { next_retry_at?: string | null },
): string | undefined {
  if (row.desired === 'stopped' && (row.state === 'running' || row.state === 'waiting')) return 'stopping'
  if (row.state !== 'waiting') return undefined
  if (row.stream === null) return 'waiting for data'
  return row.next_retry_at ? `failed, will be retried; ${plural(row.attempt, 'attempt')} so far` : 'starting'
}

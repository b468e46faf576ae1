/** Turns epochs into the lines of the learning curves, and into a table of the same numbers. */
import type { EpochMetrics } from '~/lib/api'
import { formatMeasured, NONE } from '~/lib/format'

/** The parts of the data that a metric is measured on. */
export const PARTS = ['before', 'training', 'validation'] as const
export type Part = (typeof PARTS)[number]

export const PART_NAMES: Record<Part, string> = {
  before: 'before learning',
  training: 'training',
  validation: 'validation',
}

/** One epoch or window (1-based) with its metrics by name; a number that is not finite is null. */
export interface EpochPoint {
  epoch: number
  /** Metrics on the samples of a window, measured before the model learnt them. */
  before: Readonly<Record<string, number | null>>
  training: Readonly<Record<string, number | null>>
  validation: Readonly<Record<string, number | null>>
}

/** What a point of a curve stands for. */
export type Unit = 'epoch' | 'window'

/** Whether a training reports windows (a stream without end) or epochs. */
export function unitOf(last: Pick<EpochMetrics, 'window'> | null): Unit {
  return last?.window ? 'window' : 'epoch'
}

export interface CurveSeries {
  /** Decides the colour: the model's id, so that a model looks the same everywhere. */
  id: number
  name: string
  epochs: readonly EpochPoint[]
}

/** The epochs with the learning rate added to the training metrics, so that it is drawn. */
export function withLearningRate<Epoch extends EpochMetrics>(epochs: readonly Epoch[]): readonly Epoch[] {
  return epochs.map((epoch) => ({ ...epoch, training: { ...epoch.training, ...epoch.learning_rate } }))
}

/** The learning rates by name when they are the same in all epochs; null when they change. */
export function constantLearningRate(
  epochs: readonly Pick<EpochMetrics, 'learning_rate'>[],
): Readonly<Record<string, number | null>> | null {
  // Epochs of older trainings have no learning rate, because it was not reported then.
  const reported = epochs.flatMap(({ learning_rate }) =>
    Object.keys(learning_rate ?? {}).length > 0 ? [learning_rate] : [],
  )
  const texts = new Set(reported.map((rates) => JSON.stringify(Object.entries(rates).sort())))
  return texts.size > 1 ? null : (reported[0] ?? {})
}

/** Frameworks' names of a metric, mapped to the name under which runs are drawn over each other. */
const COMMON_NAMES: Readonly<Record<string, string>> = {
  acc: 'accuracy',
  sparse_categorical_accuracy: 'accuracy',
  categorical_accuracy: 'accuracy',
  binary_accuracy: 'accuracy',
  mse: 'mean_squared_error',
  mae: 'mean_absolute_error',
}

/** The series with each framework's metric names replaced by common ones, so that they share a chart. */
export function withCommonNames(series: readonly CurveSeries[]): CurveSeries[] {
  return series.map((one) => {
    const names = metricNames([one])
    const commonName = (name: string) => COMMON_NAMES[name] ?? name
    // When a model measures two metrics of the same common name, both keep their own names.
    const isAlone = (name: string) => names.filter((other) => commonName(other) === commonName(name)).length === 1
    const renamed = (metrics: EpochPoint['training']) =>
      Object.fromEntries(
        Object.entries(metrics).map(([name, value]) => [isAlone(name) ? commonName(name) : name, value]),
      )
    const epochs = one.epochs.map((epoch) => ({
      epoch: epoch.epoch,
      before: renamed(epoch.before),
      training: renamed(epoch.training),
      validation: renamed(epoch.validation),
    }))
    return { ...one, epochs }
  })
}

/** Names of all metrics: the loss first, the others in order of appearance. */
export function metricNames(series: readonly CurveSeries[]): string[] {
  const names = new Set<string>()
  for (const { epochs } of series) {
    for (const epoch of epochs) {
      for (const part of PARTS) for (const name of Object.keys(epoch[part])) names.add(name)
    }
  }
  return [...names].sort((a, b) => Number(b === 'loss') - Number(a === 'loss'))
}

export interface Curve {
  id: number
  name: string
  part: Part
  /** Points as [epoch, value]. The value is null when it is not finite or, on a log scale, not positive. */
  points: [number, number | null][]
}

/** The lines of one metric. A part without any value has no line; an epoch without one (not validated) has no point. */
export function curvesOf(series: readonly CurveSeries[], metric: string, { log = false } = {}): Curve[] {
  const several = series.length > 1
  return series.flatMap(({ id, name, epochs }) =>
    PARTS.flatMap((part) => {
      const points = epochs.flatMap((epoch): [number, number | null][] => {
        const value = epoch[part][metric]
        if (value === undefined) return []
        return [[epoch.epoch, log && value !== null && value <= 0 ? null : value]]
      })
      if (!epochs.some((epoch) => metric in epoch[part])) return []
      return [{ id, name: several ? `${name}, ${PART_NAMES[part]}` : PART_NAMES[part], part, points }]
    }),
  )
}

/** The first epoch after which no line has a finite value; null when the last epoch has one. */
export function lostFrom(curves: readonly Curve[]): number | null {
  const lost = curves.flatMap((curve) => {
    const last = curve.points.findLastIndex(([, value]) => value !== null)
    return curve.points.slice(last + 1).map(([epoch]) => epoch)
  })
  const known = curves.flatMap((curve) => curve.points.flatMap(([epoch, value]) => (value === null ? [] : [epoch])))
  const first = Math.min(...lost.filter((epoch) => epoch > Math.max(0, ...known)))
  return Number.isFinite(first) ? first : null
}

/** The lines as a table: one row per epoch or window, one column per line. */
export function curveTable(curves: readonly Curve[], unit: Unit = 'epoch'): { columns: string[]; rows: string[][] } {
  const rows = new Map<number, string[]>()
  for (const [index, curve] of curves.entries()) {
    for (const [epoch, value] of curve.points) {
      const row = rows.get(epoch) ?? [String(epoch), ...curves.map(() => NONE)]
      row[index + 1] = formatMeasured(value)
      rows.set(epoch, row)
    }
  }
  return {
    columns: [unit === 'epoch' ? 'Epoch' : 'Window', ...curves.map((curve) => curve.name)],
    rows: [...rows.entries()].sort(([a], [b]) => a - b).map(([, row]) => row),
  }
}

/** Whether a greater value of a metric is better; null when its name does not say. */
export function greaterIsBetter(metric: string): boolean | null {
  const name = metric.toLowerCase()
  if (/loss|error|mae|mse|mape|msle|hinge|divergence|entropy|perplexity/.test(name)) return false
  if (/acc|auc|precision|recall|f1|score|r2|iou|similarity/.test(name)) return true
  return null
}

export interface MetricSummary {
  metric: string
  part: Part
  /** The last value; null when it is not a finite number. */
  last: number | null
  /** The best value; null when it is unknown which direction is better. */
  best: number | null
  bestEpoch: number | null
}

/** Last and best value of each metric and part. */
export function summarise(epochs: readonly EpochPoint[]): MetricSummary[] {
  return metricNames([{ id: 0, name: '', epochs }]).flatMap((metric) =>
    PARTS.flatMap((part) => {
      const points = epochs.flatMap((epoch) => {
        const value = epoch[part][metric]
        return value === undefined || value === null ? [] : [{ epoch: epoch.epoch, value }]
      })
      const last = epochs.findLast((epoch) => metric in epoch[part])?.[part][metric]
      if (last === undefined) return []
      const greater = greaterIsBetter(metric)
      const best =
        greater === null || points.length === 0
          ? null
          : points.reduce((a, b) => ((greater ? b.value > a.value : b.value < a.value) ? b : a))
      return [{ metric, part, last, best: best?.value ?? null, bestEpoch: best?.epoch ?? null }]
    }),
  )
}

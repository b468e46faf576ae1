/** Incremental training in the deploy form: its values, its request, and its words. */
import type { Incremental, IncrementalRequest, ModelOf } from '~/lib/api'
import { formatExact, formatPercent, formatSeconds } from '~/lib/format'

/** The form's values: numbers or incomplete input; times in seconds. */
export interface IncrementalValues {
  indefinite: boolean
  stream_timeout: number | string
  message_poll_timeout: number | string
  window_records: number | string
  /** The share of validation samples; '' for the share in the announcement. */
  validation_rate: number | string
  /** The metric that decides about versions; '' makes one version, at the end. */
  monitoring_metric: string
  /** The direction of improvement; '' until it is chosen. */
  change: 'up' | 'down' | ''
  improvement: number | string
}

export const FIRST_INCREMENTAL: IncrementalValues = {
  indefinite: false,
  stream_timeout: 60,
  message_poll_timeout: 60,
  window_records: 10_000,
  validation_rate: 0.2,
  monitoring_metric: '',
  change: '',
  improvement: 0.05,
}

export function incrementalValuesOf(incremental: Incremental | null): IncrementalValues {
  if (incremental === null) return FIRST_INCREMENTAL
  return {
    ...incremental,
    stream_timeout: incremental.stream_timeout / 1000,
    message_poll_timeout: incremental.message_poll_timeout / 1000,
    validation_rate: incremental.validation_rate ?? '',
    change: incremental.change ?? '',
  }
}

/**
 * The request. Settings that do not apply are left out. Incomplete input is sent unchanged, because the API explains
 * what it expects.
 */
export function incrementalRequest(values: IncrementalValues): IncrementalRequest {
  return {
    indefinite: values.indefinite,
    ...(values.indefinite ? {} : { stream_timeout: milliseconds(values.stream_timeout) }),
    message_poll_timeout: milliseconds(values.message_poll_timeout),
    window_records: values.window_records as number,
    validation_rate: values.validation_rate === '' ? null : (values.validation_rate as number),
    ...(values.monitoring_metric === ''
      ? {}
      : {
          monitoring_metric: values.monitoring_metric,
          change: values.change || null,
          improvement: values.improvement as number,
        }),
  }
}

/** The defaults of the API. */
const DEFAULTS: Incremental = {
  indefinite: false,
  stream_timeout: 60_000,
  message_poll_timeout: 60_000,
  window_records: 10_000,
  validation_rate: null,
  monitoring_metric: '',
  change: null,
  improvement: 0.05,
}

/** The settings that differ from the API's defaults. */
export function saidOf(request: IncrementalRequest): [string, unknown][] {
  return Object.entries(request).filter(([name, value]) => value !== DEFAULTS[name as keyof Incremental])
}

function milliseconds(seconds: number | string): number {
  return typeof seconds === 'number' ? Math.round(seconds * 1000) : (seconds as unknown as number)
}

/**
 * The metrics that all models have. Models whose metrics are unknown do not count. The exits of chains have the loss
 * and ``exits``.
 */
export function sharedMetrics(models: readonly ModelOf[], exits?: readonly string[]): string[] {
  const known = [...models.map((model) => model.metrics), exits ? ['loss', ...exits] : []].filter(
    (metrics) => metrics.length > 0,
  )
  const [first = ['loss', 'accuracy'], ...others] = known
  return first.filter((metric) => others.every((metrics) => metrics.includes(metric)))
}

/** When a window ends, as text: '10,000 records or 1 min 0 s'. */
export function windowText(incremental: Pick<Incremental, 'window_records' | 'message_poll_timeout'>): string {
  return `${formatExact(incremental.window_records)} records or ${formatSeconds(incremental.message_poll_timeout / 1000)}`
}

export function endText(incremental: Pick<Incremental, 'indefinite' | 'stream_timeout'>): string {
  return incremental.indefinite
    ? 'when it is stopped'
    : `${formatSeconds(incremental.stream_timeout / 1000)} after the last record`
}

export function shareText(rate: number | null): string {
  return rate === null ? 'as announced with the stream' : `${formatPercent(rate)} of each window`
}

export function promotionText(incremental: Pick<Incremental, 'monitoring_metric' | 'change' | 'improvement'>): string {
  const { monitoring_metric: metric, change, improvement } = incremental
  if (metric === '') return 'only at the end'
  return `whenever ${metric} ${change === 'down' ? 'falls' : 'rises'} by ${improvement} or more, and at the end`
}

/** Formats numbers, times and sizes for readers, with a unit where there is one. */

const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 })
const exact = new Intl.NumberFormat('en')
const significant = new Intl.NumberFormat('en', { maximumSignificantDigits: 4 })
const percent = new Intl.NumberFormat('en', { style: 'percent', minimumFractionDigits: 1, maximumFractionDigits: 1 })

export const NONE = '–'

/** A count in few digits: 1234567 -> '1.23M'; null -> '–'. */
export function formatCount(value: number | null | undefined): string {
  if (value === null || value === undefined) return NONE
  return Math.abs(value) < 10_000 ? exact.format(value) : compact.format(value)
}

/** A count with all digits, for tooltips. */
export function formatExact(value: number | null | undefined): string {
  return value === null || value === undefined ? NONE : exact.format(value)
}

/** A metric with four significant digits; very small and very large ones with an exponent. */
export function formatMetric(value: number | null | undefined): string {
  if (value === null || value === undefined || Number.isNaN(value)) return NONE
  const size = Math.abs(value)
  return size !== 0 && (size < 1e-4 || size >= 1e6) ? value.toExponential(2) : significant.format(value)
}

/**
 * A value of a sample. Whole numbers have all digits, including those sent as text because JavaScript would round them.
 */
export function formatValue(value: number | string | null | undefined): string {
  if (typeof value === 'string') return value
  return Number.isInteger(value) && Math.abs(value as number) < 1e21 ? String(value) : formatMetric(value)
}

/** The text for a metric that is not a finite number, which the API sends as null. */
export const DIVERGED = 'not a number (diverged)'

/** A measured metric: null stands for a number that is not finite, undefined for one that was not measured. */
export function formatMeasured(value: number | null | undefined): string {
  return value === null || Number.isNaN(value) ? DIVERGED : formatMetric(value)
}

/** A share in percent: 0.941 -> '94.1%'. */
export function formatPercent(share: number | null | undefined): string {
  return share === null || share === undefined ? NONE : percent.format(share)
}

/** A rate of messages per second. */
export function formatRate(value: number | null | undefined): string {
  if (value === null || value === undefined) return NONE
  return `${value > 0 && value < 10 ? value.toFixed(1) : formatCount(Math.round(value))}/s`
}

export function formatMilliseconds(value: number | null | undefined): string {
  if (value === null || value === undefined) return NONE
  if (value === 0) return '0 ms'
  if (value < 0.1) return '< 0.1 ms'
  if (value < 10) return `${value.toFixed(1)} ms`
  return value < 10_000 ? `${Math.round(value)} ms` : formatSeconds(value / 1000)
}

/** A duration in seconds: 73 -> '1 min 13 s'; below a tenth of a second in milliseconds. */
export function formatSeconds(value: number | null | undefined): string {
  if (value === null || value === undefined) return NONE
  if (value === 0) return '0 s'
  if (value < 0.1) return formatMilliseconds(value * 1000)
  if (value < 10) return `${value.toFixed(1)} s`
  const seconds = Math.round(value)
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`
  return `${Math.floor(seconds / 86_400)} d ${Math.floor((seconds % 86_400) / 3600)} h`
}

/** A configured duration, without the zeros of a measured one: 5000 -> '5 s', 300000 -> '5 min'. */
export function durationText(milliseconds: number | null | undefined): string {
  const text =
    milliseconds && milliseconds >= 1000 ? formatSeconds(milliseconds / 1000) : formatMilliseconds(milliseconds)
  return text.replace(/ 0 (s|min|h)$/, '').replace(/\.0 /, ' ')
}

export function formatBytes(value: number | null | undefined): string {
  if (value === null || value === undefined) return NONE
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let size = value
  let unit = 0
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024
    unit += 1
  }
  return `${unit === 0 ? size : size.toPrecision(3)} ${units[unit]}`
}

/** How long ago ``at`` was: '3 min ago'; 'in 5 s' for a time in the future. */
export function formatAge(at: string | Date, now: number = Date.now()): string {
  const seconds = (now - new Date(at).getTime()) / 1000
  const size = Math.abs(seconds)
  if (size < 5) return 'just now'
  const [amount, unit] =
    size < 60
      ? [size, 's']
      : size < 3600
        ? [size / 60, 'min']
        : size < 86_400
          ? [size / 3600, 'h']
          : size < 86_400 * 60
            ? [size / 86_400, 'd']
            : [size / 86_400 / 30, 'months']
  return seconds < 0 ? `in ${Math.floor(amount)} ${unit}` : `${Math.floor(amount)} ${unit} ago`
}

/** A moment as date and time in the reader's time zone. */
export function formatMoment(at: string | Date): string {
  return new Date(at).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'medium', hourCycle: 'h23' })
}

/** The time of day to the second: '12:03:11'. */
export function formatClock(at: number): string {
  return new Date(at).toLocaleTimeString(undefined, { hourCycle: 'h23' })
}

/** A count with its noun: '1 model', '2 models'. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`
}

export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** A message of the API as a sentence: 'it is in use' -> 'It is in use.' */
export function sentence(text = ''): string {
  return text && `${capital(text)}.`
}

/** A shape as text: [null, 28, 28] -> 'any × 28 × 28'. The batch axis of a model is left out. */
export function formatShape(shape: readonly (number | null)[], { batch = false } = {}): string {
  const sizes = batch ? shape.slice(1) : shape
  return sizes.length === 0 ? 'scalar' : sizes.map((size) => size ?? 'any').join(' × ')
}

/** The fields that a prediction copied from its record: 'machine m-7, _timestamp 1767225600000'. */
export function includeText(include: Record<string, unknown>): string {
  return Object.entries(include)
    .map(([name, value]) => `${name} ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(', ')
}

/** A histogram the height of a text line: bars for ranges of numbers, or for the most frequent values. */
import type { Bin, Numbers, ValueCount } from '~/lib/api'
import { formatCount, formatMetric } from '~/lib/format'
import classes from './Histogram.module.css'

export interface HistogramProps {
  /** What the values are, such as 'temperature'. */
  label: string
  numbers: Numbers | null
  top: readonly ValueCount[]
  /** Whether the numbers are times, in milliseconds since 1970. */
  times?: boolean
  /** The most values that are listed one by one, the most frequent first. */
  most?: number
}

const HEIGHT = 24
const MOST_VALUES = 3

/** Draws a histogram of numbers; a few distinct values are listed one by one instead. */
export function Histogram({ label, numbers, top, times = false, most = MOST_VALUES }: HistogramProps) {
  if (numbers && numbers.histogram.length > 1) return <Bars label={label} numbers={numbers} times={times} />
  if (top.length > 0) return <Values label={label} top={top} most={most} />
  if (numbers)
    return <span className={classes.text}>{times ? timeText(0)(numbers.min) : formatMetric(numbers.min)}</span>
  return null
}

function Bars({ label, numbers, times }: { label: string; numbers: Numbers; times: boolean }) {
  const { histogram } = numbers
  const text = times ? timeText(numbers.max - numbers.min) : formatMetric
  const [least, greatest] = [text(numbers.min), text(numbers.max)]
  return (
    <figure className={classes.figure}>
      <svg
        role="img"
        className={classes.bars}
        viewBox={`0 0 ${histogram.length} ${HEIGHT}`}
        preserveAspectRatio="none"
        aria-label={`${label}: from ${least} to ${greatest}, mean ${text(numbers.mean)}`}
      >
        {barsOf(histogram, HEIGHT).map(({ x, height }) => (
          <rect key={x} x={x + 0.06} width={0.88} y={HEIGHT - height} height={height} />
        ))}
      </svg>
      <figcaption className={classes.ends} aria-hidden>
        <span>{least}</span>
        <span>{greatest}</span>
      </figcaption>
    </figure>
  )
}

function Values({ label, top, most }: { label: string; top: readonly ValueCount[]; most: number }) {
  const all = top.reduce((sum, count) => sum + count.count, 0)
  const shown = top.slice(0, most)
  return (
    <ul className={classes.values} aria-label={label}>
      {shown.map(({ value, count }) => (
        <li key={value} title={`${value}: ${formatCount(count)}`}>
          <span className={classes.share} style={{ width: `${(100 * count) / all}%` }} aria-hidden />
          <span className={classes.value}>{value}</span>
          <span className={classes.count}>{formatCount(count)}</span>
        </li>
      ))}
      {top.length > shown.length && <li className={classes.more}>and {top.length - shown.length} more</li>}
    </ul>
  )
}

/** The bars, one per bin. A bin with few values stays visibly different from an empty one. */
export function barsOf(bins: readonly Bin[], height: number): { x: number; height: number }[] {
  const most = Math.max(1, ...bins.map((bin) => bin.count))
  return bins.map(({ count }, x) => ({ x, height: count === 0 ? 0 : Math.max(1, (height * count) / most) }))
}

const DAY_MS = 86_400_000

/** Returns a formatter for times that range over ``span`` milliseconds: as short as still distinguishes them. */
function timeText(span: number): (time: number) => string {
  const options: Intl.DateTimeFormatOptions =
    span > 2 * DAY_MS ? { dateStyle: 'short' } : { timeStyle: 'short', hourCycle: 'h23' }
  return (time) => new Date(time).toLocaleString(undefined, options)
}

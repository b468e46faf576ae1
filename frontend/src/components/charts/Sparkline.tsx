/** A tiny line of numbers for table cells; no library, no axes, the last value is the point. */
import { DIVERGED, formatMeasured, formatMetric } from '~/lib/format'

export function Sparkline({
  values,
  label,
  color = 'var(--mantine-primary-color-filled)',
  width = 88,
  height = 22,
}: {
  /** The values in order; null is a gap. */
  values: readonly (number | null)[]
  /** What the values are, such as 'Validation accuracy'. */
  label: string
  color?: string
  width?: number
  height?: number
}) {
  const points = sparklinePoints(values, width, height)
  const last = points.at(-1)
  if (!last) return values.includes(null) ? <span style={{ fontSize: 11 }}>{DIVERGED}</span> : null
  const first = values.find((value) => value !== null)
  const final = values.at(-1)
  return (
    <svg
      role="img"
      width={width}
      height={height}
      viewBox={`0 0 ${width} ${height}`}
      aria-label={`${label}: from ${formatMetric(first)} to ${formatMeasured(final)}`}
      style={{ display: 'block' }}
    >
      <polyline
        points={points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(' ')}
        fill="none"
        stroke={color}
        strokeWidth={1.5}
        strokeLinejoin="round"
      />
      <circle cx={last[0]} cy={last[1]} r={2} fill={color} />
    </svg>
  )
}

/** The most points that the width of a sparkline can show. */
const MAX_POINTS = 200
const MARGIN = 3

/** Positions of the finite values inside a box of ``width`` by ``height``. */
export function sparklinePoints(
  values: readonly (number | null)[],
  width: number,
  height: number,
): (readonly [number, number])[] {
  const step = Math.max(1, Math.ceil(values.length / MAX_POINTS))
  const finite = values.flatMap((value, index) =>
    value !== null && Number.isFinite(value) && (index % step === 0 || index === values.length - 1)
      ? [[index, value] as const]
      : [],
  )
  const least = Math.min(...finite.map(([, value]) => value))
  const span = Math.max(...finite.map(([, value]) => value)) - least
  const across = (width - 2 * MARGIN) / Math.max(1, values.length - 1)
  return finite.map(([index, value]) => [
    MARGIN + index * across,
    span === 0 ? height / 2 : height - MARGIN - ((value - least) / span) * (height - 2 * MARGIN),
  ])
}

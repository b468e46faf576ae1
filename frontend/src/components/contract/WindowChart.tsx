/** Windows of records as lines, one for each feature, each in its own range: what comes first is on the left. */
import { Group, Text, useComputedColorScheme } from '@mantine/core'
import { sparklinePoints } from '~/components/charts/Sparkline'
import { SmallPrint } from '~/components/Dimmed'
import { plural } from '~/lib/format'
import { seriesColor } from '~/lib/palette'

const WIDTH = 120
const HEIGHT = 64
/** The most lines that a reader can tell apart. */
const MOST = 4

export interface WindowData {
  /** The shape of the window: (records, features). */
  shape: readonly number[]
  /** The values in row-major order. */
  values: readonly number[]
}

export function WindowChart({
  label,
  window: { shape, values },
  features,
  drawn,
}: {
  label: string
  window: WindowData
  features: readonly string[]
  /** Indices of the features to draw; see ``drawnFeatures``. */
  drawn: readonly number[]
}) {
  const scheme = useComputedColorScheme('light')
  const lines = linesOf(shape, values)
  const names = drawn.map((feature) => features[feature]).join(', ')
  return (
    <svg
      role="img"
      width={WIDTH}
      height={HEIGHT}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      aria-label={`${label}: ${plural(shape[0] ?? 0, 'record')} of ${names}`}
      style={{ display: 'block', border: '1px solid var(--mantine-color-default-border)' }}
    >
      {drawn.map((feature, place) => (
        <polyline
          key={feature}
          points={sparklinePoints(lines[feature] ?? [], WIDTH, HEIGHT)
            .map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`)
            .join(' ')}
          fill="none"
          stroke={seriesColor(place, scheme)}
          strokeWidth={1.3}
          strokeLinejoin="round"
        />
      ))}
    </svg>
  )
}

/** The legend: which colour is which feature. */
export function WindowLegend({ features, drawn }: { features: readonly string[]; drawn: readonly number[] }) {
  const scheme = useComputedColorScheme('light')
  return (
    <Group gap="sm" mb={6}>
      {drawn.map((feature, place) => (
        <Text key={feature} size="xs" component="span" style={{ overflowWrap: 'anywhere' }}>
          <span aria-hidden style={{ color: seriesColor(place, scheme), fontWeight: 700 }}>
            —
          </span>{' '}
          {features[feature]}
        </Text>
      ))}
      {features.length > drawn.length && <SmallPrint>and {features.length - drawn.length} more, not drawn</SmallPrint>}
    </Group>
  )
}

/** Indices of the features to draw of ``count``: those that change within some window come first. */
export function drawnFeatures(windows: readonly WindowData[], count: number): number[] {
  const changing = new Set<number>()
  for (const { shape, values } of windows) {
    for (const [feature, line] of linesOf(shape, values).entries()) {
      if (line.some((reading) => reading !== line[0])) changing.add(feature)
    }
  }
  const all = Array.from({ length: count }, (_, feature) => feature)
  return [...all.filter((place) => changing.has(place)), ...all.filter((place) => !changing.has(place))].slice(0, MOST)
}

/** The values of each feature, in the order of the records. */
export function linesOf([records = 0, features = 0]: readonly number[], values: readonly number[]): number[][] {
  return Array.from({ length: features }, (_, feature) =>
    Array.from({ length: records }, (_, record) => values[record * features + feature] ?? 0),
  )
}

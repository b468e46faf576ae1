/** A window of records as lines, one for each feature, each in its own range: what comes first is on the left. */
import { Group, Text, useComputedColorScheme } from '@mantine/core'
import { sparklinePoints } from '~/components/charts/Sparkline'
import { SmallPrint } from '~/components/Dimmed'
import { plural } from '~/lib/format'
import { seriesColor } from '~/lib/palette'

const WIDTH = 120
const HEIGHT = 64
/** More lines nobody tells apart. */
const MOST = 4

export function WindowChart({
  label,
  shape,
  values,
  features,
}: {
  label: string
  /** (records, features). */
  shape: readonly number[]
  /** Row-major. */
  values: readonly number[]
  features: readonly string[]
}) {
  const scheme = useComputedColorScheme('light')
  const lines = linesOf(shape, values).slice(0, MOST)
  return (
    <svg
      role="img"
      width={WIDTH}
      height={HEIGHT}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      aria-label={`${label}: ${plural(shape[0] ?? 0, 'record')} of ${features.slice(0, MOST).join(', ')}`}
      style={{ display: 'block', border: '1px solid var(--mantine-color-default-border)' }}
    >
      {lines.map((line, feature) => (
        <polyline
          key={features[feature] ?? feature}
          points={sparklinePoints(line, WIDTH, HEIGHT)
            .map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`)
            .join(' ')}
          fill="none"
          stroke={seriesColor(feature, scheme)}
          strokeWidth={1.3}
          strokeLinejoin="round"
        />
      ))}
    </svg>
  )
}

/** Which line is which. */
export function WindowLegend({ features }: { features: readonly string[] }) {
  const scheme = useComputedColorScheme('light')
  return (
    <Group gap="sm" mb={6}>
      {features.slice(0, MOST).map((name, feature) => (
        <Text key={name} size="xs" component="span" style={{ overflowWrap: 'anywhere' }}>
          <span aria-hidden style={{ color: seriesColor(feature, scheme), fontWeight: 700 }}>
            —
          </span>{' '}
          {name}
        </Text>
      ))}
      {features.length > MOST && <SmallPrint>and {features.length - MOST} more, not drawn</SmallPrint>}
    </Group>
  )
}

/** The values of each feature, in the order of the records. */
export function linesOf([records = 0, features = 0]: readonly number[], values: readonly number[]): number[][] {
  return Array.from({ length: features }, (_, feature) =>
    Array.from({ length: records }, (_, record) => values[record * features + feature] ?? 0),
  )
}

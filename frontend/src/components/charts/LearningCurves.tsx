/** Learning curves: one chart per metric, training solid, validation dashed, one colour per model; zoom, log scale. */
import { Box, Group, SimpleGrid, Switch, Text } from '@mantine/core'
import type { EChartsCoreOption } from 'echarts/core'
import { useMemo, useState } from 'react'
import { DIVERGED, formatMeasured, formatMetric, plural } from '~/lib/format'
import { useSeriesColor } from '~/lib/palette'
import { ChartFrame } from './Chart'
import { type Curve, type CurveSeries, curvesOf, curveTable, lostFrom, metricNames } from './curves'

export type { CurveSeries, EpochPoint } from './curves'

export function LearningCurves({
  series,
  metrics,
  height = 260,
  name = 'learning-curves',
}: {
  series: readonly CurveSeries[]
  /** Only these metrics; all by default. */
  metrics?: readonly string[]
  /** Of each chart, in pixels. */
  height?: number
  /** Beginning of the names of exported files. */
  name?: string
}) {
  const [log, setLog] = useState(false)
  const shown = useMemo(() => metrics ?? metricNames(series), [metrics, series])
  if (shown.length === 0) return <Text c="dimmed">No epoch has ended yet; the curve grows with each one.</Text>
  return (
    <>
      <Group justify="space-between" mb="xs">
        <Text size="sm" c="dimmed">
          Training solid, validation dashed. Drag the ends of the bar below a chart to zoom.
        </Text>
        <Switch
          size="xs"
          label="Logarithmic scale"
          checked={log}
          onChange={(event) => setLog(event.currentTarget.checked)}
        />
      </Group>
      <SimpleGrid cols={{ base: 1, md: shown.length > 1 ? 2 : 1 }} spacing="lg" verticalSpacing="lg">
        {shown.map((metric) => (
          <MetricChart key={metric} series={series} metric={metric} log={log} height={height} name={name} />
        ))}
      </SimpleGrid>
    </>
  )
}

function MetricChart({
  series,
  metric,
  log,
  height,
  name,
}: {
  series: readonly CurveSeries[]
  metric: string
  log: boolean
  height: number
  name: string
}) {
  const color = useSeriesColor()
  const curves = useMemo(() => curvesOf(series, metric, { log }), [series, metric, log])
  const option = useMemo(() => optionOf(curves, { log, color }), [curves, log, color])
  const epochs = Math.max(0, ...curves.map((curve) => curve.points.length))
  const lostText = useMemo(() => lostTextOf(series, metric), [series, metric])
  return (
    <Box>
      <ChartFrame
        title={metric}
        name={`${name}-${metric}`}
        label={`${metric} over ${plural(epochs, 'epoch')}: ${curves.map((curve) => curve.name).join('; ')}${lostText && `; ${lostText}`}`}
        height={height}
        option={option}
        table={() => curveTable(curvesOf(series, metric))}
        data={() => ({ metric, series: curvesOf(series, metric) })}
      />
      {lostText && (
        <Text size="xs" style={{ color: 'var(--kml-waiting)' }}>
          {lostText}
        </Text>
      )}
    </Box>
  )
}

/** Which models have no number any more, and since when. */
function lostTextOf(series: readonly CurveSeries[], metric: string): string {
  return series
    .flatMap((each) => {
      const epoch = lostFrom(curvesOf([each], metric))
      return epoch === null ? [] : [`${series.length > 1 ? each.name : metric}: ${DIVERGED} from epoch ${epoch} on`]
    })
    .join('; ')
}

function optionOf(
  curves: readonly Curve[],
  { log, color }: { log: boolean; color: (id: number) => string },
): EChartsCoreOption {
  const epochs = Math.max(0, ...curves.map((curve) => curve.points.length))
  return {
    grid: { left: 8, right: 16, top: curves.length > 1 ? 32 : 12, bottom: 50, outerBoundsMode: 'same' },
    legend: { show: curves.length > 1, type: 'scroll', top: 0, left: 0, itemWidth: 28 },
    tooltip: {
      trigger: 'axis',
      valueFormatter: (value: unknown) => formatMeasured(value as number | null),
      confine: true,
    },
    xAxis: {
      type: 'value',
      name: 'epoch',
      nameLocation: 'middle',
      nameGap: 22,
      min: 'dataMin',
      max: 'dataMax',
      minInterval: 1,
      splitLine: { show: false },
    },
    yAxis: {
      type: log ? 'log' : 'value',
      scale: true,
      axisLabel: { formatter: (value: number) => formatMetric(value) },
    },
    dataZoom: [{ type: 'slider', height: 18, bottom: 6, filterMode: 'none', showDetail: true, brushSelect: false }],
    series: curves.map((curve) => ({
      id: `${curve.id}-${curve.part}`,
      type: 'line',
      name: curve.name,
      data: curve.points,
      sampling: 'lttb',
      // A first epoch is a point, which a line alone does not show.
      showSymbol: epochs <= 30,
      symbolSize: 5,
      symbol: curve.part === 'training' ? 'circle' : 'diamond',
      color: color(curve.id),
      lineStyle: { width: 2, type: curve.part === 'training' ? 'solid' : 'dashed' },
      emphasis: { disabled: true },
    })),
  }
}

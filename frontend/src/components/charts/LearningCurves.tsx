/**
 * Learning curves: one chart per metric, one colour per model; training solid, validation dashed, what a window scored
 * before it was learnt dotted; zoom, log scale.
 */
import { Box, Group, SimpleGrid, Text } from '@mantine/core'
import type { EChartsCoreOption } from 'echarts/core'
import { useMemo, useState } from 'react'
import { Dimmed } from '~/components/Dimmed'
import { Toggle } from '~/components/Toggle'
import { DIVERGED, formatMeasured, formatMetric, plural } from '~/lib/format'
import { useSeriesColor } from '~/lib/palette'
import { ChartFrame } from './Chart'
import {
  type Curve,
  type CurveSeries,
  curvesOf,
  curveTable,
  lostFrom,
  metricNames,
  type Part,
  type Unit,
} from './curves'

export type { CurveSeries, EpochPoint } from './curves'

/** A mark after an epoch or window, drawn as a line across the charts. */
export interface CurveMark {
  epoch: number
  /** A short text at the mark, such as 'v2' or 'best'. */
  label: string
}

/** The most epochs that are legible without a zoom bar. */
const FEW_EPOCHS = 50

const LEGEND_LINE = 20
const MOST_LEGEND_LINES = 6
const LEAST_WIDTH = 420

const NO_MARKS: readonly CurveMark[] = []
const LINES: Record<Part, { type: 'solid' | 'dashed' | 'dotted'; symbol: string }> = {
  before: { type: 'dotted', symbol: 'triangle' },
  training: { type: 'solid', symbol: 'circle' },
  validation: { type: 'dashed', symbol: 'diamond' },
}

export function LearningCurves({
  series,
  unit = 'epoch',
  marks = NO_MARKS,
  height = 260,
  name = 'learning-curves',
}: {
  series: readonly CurveSeries[]
  unit?: Unit
  marks?: readonly CurveMark[]
  /** Height of each chart in pixels. */
  height?: number
  /** Prefix of the names of exported files. */
  name?: string
}) {
  const [log, setLog] = useState(false)
  const long = series.some(({ epochs }) => epochs.length > FEW_EPOCHS)
  const shown = useMemo(() => metricNames(series), [series])
  if (shown.length === 0) return <Text c="dimmed">No {unit} has finished yet. The curve grows with each one.</Text>
  return (
    <>
      <Group justify="space-between" mb="xs">
        <Dimmed>
          {unit === 'window' && 'Before learning dotted, '}
          {unit === 'window' ? 'training' : 'Training'} solid, validation dashed.
          {long && ' To zoom, drag the ends of the bar below a chart.'}
        </Dimmed>
        <Toggle label="Logarithmic scale" checked={log} onChange={setLog} />
      </Group>
      <SimpleGrid cols={{ base: 1, md: shown.length > 1 ? 2 : 1 }} spacing="lg" verticalSpacing="lg">
        {shown.map((metric) => (
          <MetricChart
            key={metric}
            series={series}
            metric={metric}
            unit={unit}
            marks={marks}
            log={log}
            height={height}
            name={name}
          />
        ))}
      </SimpleGrid>
    </>
  )
}

function MetricChart({
  series,
  metric,
  unit,
  marks,
  log,
  height,
  name,
}: {
  series: readonly CurveSeries[]
  metric: string
  unit: Unit
  marks: readonly CurveMark[]
  log: boolean
  height: number
  name: string
}) {
  const color = useSeriesColor()
  const curves = useMemo(() => curvesOf(series, metric, { log }), [series, metric, log])
  const option = useMemo(() => optionOf(curves, { unit, marks, log, color }), [curves, unit, marks, log, color])
  const last = Math.max(0, ...curves.map((curve) => curve.points.at(-1)?.[0] ?? 0))
  const lostText = useMemo(() => lostTextOf(series, metric, unit), [series, metric, unit])
  const marksText =
    marks.length > 0 ? `; marked: ${marks.map((mark) => `${mark.label} at ${mark.epoch}`).join(', ')}` : ''
  return (
    <Box>
      <ChartFrame
        title={metric}
        name={`${name}-${metric}`}
        label={`${metric} over ${plural(last, unit)}: ${curves.map((curve) => curve.name).join('; ')}${marksText}${lostText && `; ${lostText}`}`}
        height={height}
        option={option}
        table={() => curveTable(curvesOf(series, metric), unit)}
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

/** Says which models stopped reporting finite numbers, and since when. */
function lostTextOf(series: readonly CurveSeries[], metric: string, unit: Unit): string {
  return series
    .flatMap((curveSeries) => {
      const epoch = lostFrom(curvesOf([curveSeries], metric))
      return epoch === null
        ? []
        : [`${series.length > 1 ? curveSeries.name : metric}: ${DIVERGED} from ${unit} ${epoch} on`]
    })
    .join('; ')
}

function optionOf(
  curves: readonly Curve[],
  {
    unit,
    marks,
    log,
    color,
  }: {
    unit: Unit
    marks: readonly CurveMark[]
    log: boolean
    color: (id: number) => string
  },
): EChartsCoreOption {
  const epochs = Math.max(0, ...curves.map((curve) => curve.points.length))
  const long = epochs > FEW_EPOCHS
  const lines = legendLines(curves)
  const paged = lines > MOST_LEGEND_LINES
  return {
    grid: {
      left: 8,
      right: 16,
      top: curves.length > 1 ? 12 + (paged ? 1 : lines) * LEGEND_LINE : 12,
      bottom: long ? 50 : 24,
      outerBoundsMode: 'same',
    },
    legend: {
      show: curves.length > 1,
      type: paged ? 'scroll' : 'plain',
      top: 0,
      left: 0,
      itemWidth: 28,
    },
    tooltip: {
      trigger: 'axis',
      valueFormatter: (value: unknown) => formatMeasured(value as number | null),
      confine: true,
    },
    xAxis: {
      type: 'value',
      name: unit,
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
    dataZoom: [
      { type: 'slider', show: long, height: 18, bottom: 6, filterMode: 'none', showDetail: true, brushSelect: false },
    ],
    series: curves.map((curve, index) => ({
      id: `${curve.id}-${curve.part}`,
      type: 'line',
      name: curve.name,
      data: curve.points,
      sampling: 'lttb',
      // Symbols are drawn for few epochs, because a line alone does not show a single point.
      showSymbol: epochs <= 30,
      symbolSize: 5,
      symbol: LINES[curve.part].symbol,
      color: color(curve.id),
      lineStyle: { width: curve.part === 'before' ? 1.5 : 2, type: LINES[curve.part].type },
      emphasis: { disabled: true },
      // Marks belong to the first series only, so that each is drawn once.
      ...(index === 0 && marks.length > 0 ? { markLine: markLineOf(marks) } : {}),
    })),
  }
}

/** How many lines the legend takes in a chart of the least width. A legend that needs too many gets pages instead. */
function legendLines(curves: readonly Curve[]): number {
  const width = curves.reduce((sum, { name }) => sum + name.length * 6.5 + 45, 0)
  return Math.max(1, Math.ceil(width / LEAST_WIDTH))
}

function markLineOf(marks: readonly CurveMark[]) {
  return {
    silent: true,
    symbol: 'none',
    lineStyle: { type: 'solid', width: 1, opacity: 0.6 },
    label: { position: 'end', distance: 2, fontSize: 11, formatter: '{b}', color: 'inherit', textBorderWidth: 0 },
    // Overlapping texts are hidden, because many marks would cover each other's.
    labelLayout: { hideOverlap: true },
    data: marks.map((mark) => ({ xAxis: mark.epoch, name: mark.label })),
  }
}

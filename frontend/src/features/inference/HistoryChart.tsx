/**
 * The last 24 hours of an inference: rate and lag, latencies, confidence, and the records that it did not answer
 * itself.
 */
import { Skeleton, Stack, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import type { EChartsCoreOption } from 'echarts/core'
import { useMemo } from 'react'
import { ChartFrame } from '~/components/charts/Chart'
import { SmallPrint } from '~/components/Dimmed'
import { ProblemAlert } from '~/components/ProblemAlert'
import { inferencesHistoryRetrieveOptions, type ServingHistory } from '~/lib/api'
import { formatCount, formatMilliseconds, formatMoment, formatPercent, formatRate, NONE } from '~/lib/format'
import { barsOf, type Curve, curveOf, daySummary, hasConfidence, marksOf } from './history'

/** Minutes between two points. A day has 288 of them, about as many as the chart has room for. */
const STEP_MINUTES = 5
const DAY_MS = 86_400_000
const HEIGHT = 380
/** Height of the curve of confidence in pixels. */
const CONFIDENCE_HEIGHT = 96

export function HistoryChart({ inference }: { inference: number }) {
  const query = useQuery({
    ...inferencesHistoryRetrieveOptions({ path: { id: String(inference) }, query: { step: STEP_MINUTES } }),
    refetchInterval: 60_000,
  })
  const found = query.data
  const option = useMemo(() => (found ? optionOf(found) : null), [found])
  if (query.isError && !found) {
    return (
      <ProblemAlert
        error={query.error}
        title="The last 24 hours could not be loaded"
        onRetry={() => void query.refetch()}
      />
    )
  }
  if (!found || !option) return <Skeleton height={HEIGHT} aria-label="Loading" />
  if (found.steps.length === 0) {
    return (
      <Stack gap="xs">
        <Title order={2}>Last 24 hours</Title>
        <SmallPrint>No replica reported in the last 24 hours.</SmallPrint>
      </Stack>
    )
  }
  return (
    <ChartFrame
      title="Last 24 hours"
      name={`inference-${inference}-day`}
      label={`The last 24 hours: ${daySummary(found)}`}
      height={HEIGHT + (hasConfidence(found) ? CONFIDENCE_HEIGHT : 0)}
      option={option}
      data={() => found}
      table={() => ({
        columns: ['From', 'Rate', 'Lag', 'p50', 'p99', 'Confidence', 'Dead letters', 'Sent up', 'Attempt', 'Revision'],
        rows: found.steps.map((step) => [
          formatMoment(step.at),
          formatRate(step.rate),
          formatCount(step.lag),
          formatMilliseconds(step.p50_ms),
          formatMilliseconds(step.p99_ms),
          step.confidence === null ? NONE : formatPercent(step.confidence),
          formatCount(step.dead_lettered),
          formatCount(step.sent_up),
          String(step.attempt),
          String(step.revision),
        ]),
      })}
    />
  )
}

const PERCENT = { formatter: (share: number) => formatPercent(share) }

export function optionOf(found: ServingHistory): EChartsCoreOption {
  const sure = hasConfidence(found)
  // Bars are in the lowest grid, below the confidence if it is shown.
  const last = sure ? 3 : 2
  const line = (name: string, curve: Curve, axis: number, yAxisIndex: number, dashed = false) => ({
    name,
    type: 'line',
    xAxisIndex: axis,
    yAxisIndex,
    // Symbols are drawn because a step between two gaps has no line.
    showSymbol: found.steps.length < 100,
    symbolSize: 3,
    lineStyle: dashed ? { type: 'dashed' } : {},
    data: curveOf(found, curve),
  })
  const bars = (name: string, curve: Curve) => ({
    name,
    type: 'bar',
    stack: 'elsewhere',
    // The width is limited because a single bar would otherwise cover half of the day.
    barMaxWidth: 6,
    xAxisIndex: last,
    yAxisIndex: last + 1,
    data: barsOf(found, curve),
  })
  const handsUp = found.steps.some((step) => step.sent_up > 0)
  const since = Date.parse(found.since)
  const axis = (gridIndex: number) => ({
    type: 'time',
    gridIndex,
    min: since,
    max: since + DAY_MS + found.step_minutes * 60_000,
    axisLabel: { hideOverlap: true, show: gridIndex === last },
  })
  return {
    legend: { top: 0, left: 'left', itemHeight: 8 },
    tooltip: { trigger: 'axis' },
    axisPointer: { link: [{ xAxisIndex: 'all' }] },
    grid: [
      { left: 56, right: 56, top: 44, height: 110 },
      { left: 56, right: 56, top: 180, height: 74 },
      ...(sure ? [{ left: 56, right: 56, top: 280, height: 66 }] : []),
      { left: 56, right: 56, top: 280 + (sure ? CONFIDENCE_HEIGHT : 0), height: 66 },
    ],
    xAxis: Array.from({ length: last + 1 }, (_, gridIndex) => axis(gridIndex)),
    yAxis: [
      { type: 'value', min: 0, gridIndex: 0, splitNumber: 3 },
      { type: 'value', min: 0, gridIndex: 0, splitLine: { show: false }, minInterval: 1, splitNumber: 3 },
      { type: 'value', min: 0, gridIndex: 1, splitNumber: 2, axisLabel: { formatter: '{value} ms' } },
      ...(sure ? [{ type: 'value', gridIndex: 2, splitNumber: 2, scale: true, max: 1, axisLabel: PERCENT }] : []),
      { type: 'value', min: 0, gridIndex: last, splitNumber: 2, minInterval: 1 },
    ],
    series: [
      {
        ...line('records/s', 'rate', 0, 0),
        markLine: {
          symbol: 'none',
          silent: true,
          lineStyle: { type: 'dotted' },
          label: { formatter: '{b}', fontSize: 11 },
          data: marksOf(found.steps).map(({ at, text }) => ({ xAxis: at, name: text })),
        },
      },
      line('lag', 'lag', 0, 1, true),
      line('latency p50', 'p50_ms', 1, 2),
      line('latency p99', 'p99_ms', 1, 2, true),
      ...(sure ? [line('mean confidence', 'confidence', 2, 3)] : []),
      bars('dead letters', 'dead_lettered'),
      ...(handsUp ? [bars('sent up', 'sent_up')] : []),
    ],
  }
}

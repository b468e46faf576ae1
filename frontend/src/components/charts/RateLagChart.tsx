/** Records a second, and the records that wait, over time. */
import type { EChartsCoreOption } from 'echarts/core'
import { useMemo } from 'react'
import { formatCount, formatMoment, formatRate } from '~/lib/format'
import { ChartFrame } from './Chart'

export interface RatePoint {
  /** Time in milliseconds since 1970. */
  at: number
  /** Records per second. Null draws no line, because no replica reported. */
  rate: number | null
  /** Records that wait; null when unknown. */
  lag: number | null
}

const HEIGHT = 180

export function RateLagChart({
  title,
  name,
  label,
  points,
}: {
  title: string
  /** Name of exported files, without ending. */
  name: string
  /** Describes the picture to screen readers. */
  label: string
  points: readonly RatePoint[]
}) {
  const option = useMemo<EChartsCoreOption>(
    () => ({
      grid: { left: 48, right: 48, top: 28, bottom: 24 },
      legend: { top: 0, left: 'left', itemHeight: 8 },
      tooltip: { trigger: 'axis' },
      xAxis: { type: 'time', axisLabel: { hideOverlap: true } },
      yAxis: [
        { type: 'value', min: 0, minInterval: 1, name: '' },
        { type: 'value', min: 0, minInterval: 1, splitLine: { show: false } },
      ],
      series: [
        {
          name: 'records/s',
          type: 'line',
          showSymbol: points.length < 3,
          data: points.map((point) => [point.at, point.rate]),
        },
        {
          name: 'lag',
          type: 'line',
          yAxisIndex: 1,
          showSymbol: points.length < 3,
          lineStyle: { type: 'dashed' },
          data: points.map((point) => [point.at, point.lag]),
        },
      ],
    }),
    [points],
  )
  return (
    <ChartFrame
      title={title}
      name={name}
      label={label}
      height={HEIGHT}
      option={option}
      data={() => points}
      table={() => ({
        columns: ['Time', 'Rate', 'Lag'],
        rows: points.map((point) => [formatMoment(new Date(point.at)), formatRate(point.rate), formatCount(point.lag)]),
      })}
    />
  )
}

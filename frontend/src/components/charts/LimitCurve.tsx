/** The effect of a tier's limit: accuracy against the share sent up. Each point is a limit; a click chooses it. */
import type { EChartsCoreOption } from 'echarts/core'
import { useMemo } from 'react'
import type { TierCurve } from '~/lib/api'
import { formatBytes, formatMilliseconds, formatPercent } from '~/lib/format'
import { useSeriesColor } from '~/lib/palette'
import { ChartFrame } from './Chart'

const HEIGHT = 260

export function LimitCurve({
  curve,
  accuracy,
  onLimit,
}: {
  curve: TierCurve
  /** Accuracy of the chain at the present limit of the tier. */
  accuracy: number
  onLimit: (limit: number) => void
}) {
  const color = useSeriesColor()
  const points = useMemo(() => [...curve.points].sort((a, b) => a.sent_up - b.sent_up), [curve.points])
  const option = useMemo<EChartsCoreOption>(() => {
    return {
      grid: { left: 8, right: 24, top: 16, bottom: 4, outerBoundsMode: 'same' },
      tooltip: {
        trigger: 'item',
        confine: true,
        formatter: ({ dataIndex, seriesIndex }: { dataIndex: number; seriesIndex: number }) => {
          const point = seriesIndex === 0 ? points[dataIndex] : undefined
          return point ? pointText(point) : `<b>limit ${curve.limit}</b>: chosen`
        },
      },
      xAxis: { type: 'value', min: 0, max: 1, name: 'sent up', nameLocation: 'middle', nameGap: 22, axisLabel: SHARE },
      yAxis: { type: 'value', scale: true, axisLabel: SHARE },
      series: [
        {
          type: 'line',
          name: 'accuracy',
          data: points.map((point) => [point.sent_up, point.accuracy]),
          color: color(curve.model),
          symbolSize: 7,
          showSymbol: true,
        },
        {
          type: 'scatter',
          name: 'the limit',
          // The present limit is a point of its own, because it may lie between two points of the curve.
          data: [[curve.sent_up, accuracy]],
          color: color(curve.model),
          symbol: 'diamond',
          symbolSize: 18,
        },
      ],
    }
  }, [points, curve.model, curve.limit, curve.sent_up, accuracy, color])
  return (
    <ChartFrame
      title={`${curve.model_name}: accuracy by what it sends up`}
      name={`limits-${curve.model_name}`}
      label={`Accuracy of the chain against the share that ${curve.model_name} sends up, for ${points.length} limits`}
      height={HEIGHT}
      option={option}
      onPoint={(series, _value, index) => {
        const point = series === 0 ? points[index] : undefined
        if (point) onLimit(point.limit)
      }}
      data={() => curve}
      table={() => ({
        columns: ['Limit', 'Sent up', 'Accuracy', 'Bytes up a sample', 'Time of a sample'],
        rows: points.map((point) => [
          String(point.limit),
          formatPercent(point.sent_up),
          formatPercent(point.accuracy),
          formatBytes(Math.round(point.bytes_per_sample)),
          formatMilliseconds(point.seconds_per_sample * 1000),
        ]),
      })}
    />
  )
}

const SHARE = { formatter: (share: number) => `${Math.round(share * 1000) / 10}%` }

function pointText(point: TierCurve['points'][number]): string {
  return [
    `<b>limit ${point.limit}</b>`,
    `${formatPercent(point.sent_up)} sent up`,
    `${formatPercent(point.accuracy)} right`,
    `${formatBytes(Math.round(point.bytes_per_sample))} up a sample`,
    `${formatMilliseconds(point.seconds_per_sample * 1000)} of computing a sample`,
  ].join('<br>')
}

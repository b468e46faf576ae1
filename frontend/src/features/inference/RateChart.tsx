/** Records a second and records waiting, while this page was open. */
import { Skeleton, Stack, Text, Title } from '@mantine/core'
import type { EChartsCoreOption } from 'echarts/core'
import { useMemo } from 'react'
import { ChartFrame } from '~/components/charts/Chart'
import type { Inference } from '~/lib/api'
import { formatCount, formatMoment, formatRate } from '~/lib/format'
import type { RatePoint } from './rates'

const HEIGHT = 180

export function RateChart({
  inference,
  points,
}: {
  inference: Pick<Inference, 'id' | 'state'>
  points: readonly RatePoint[]
}) {
  const option = useMemo<EChartsCoreOption>(
    () => ({
      grid: { left: 48, right: 48, top: 28, bottom: 24 },
      legend: { top: 0, left: 'left', itemHeight: 8 },
      tooltip: { trigger: 'axis' },
      xAxis: { type: 'time' },
      yAxis: [
        { type: 'value', min: 0, minInterval: 1, name: '' },
        { type: 'value', min: 0, minInterval: 1, splitLine: { show: false } },
      ],
      series: [
        {
          name: 'records/s',
          type: 'line',
          showSymbol: points.length < 3,
          data: points.map((each) => [each.at, each.rate]),
        },
        {
          name: 'lag',
          type: 'line',
          yAxisIndex: 1,
          showSymbol: points.length < 3,
          lineStyle: { type: 'dashed' },
          data: points.map((each) => [each.at, each.lag]),
        },
      ],
    }),
    [points],
  )
  if (points.length < 2) {
    return (
      <Stack gap="xs">
        <Title order={2}>Rate and lag</Title>
        {inference.state === 'running' && <Skeleton height={48} animate={false} />}
        <Text size="xs" c="dimmed">
          {inference.state === 'running'
            ? 'Drawn as replicas report, every two seconds, while this page is open.'
            : 'Nothing to draw: no replica runs. Drawn when replicas report, while this page is open.'}
        </Text>
      </Stack>
    )
  }
  return (
    <ChartFrame
      title="Rate and lag while this page is open"
      name={`inference-${inference.id}-rate`}
      label="Records answered a second and records waiting, over time"
      height={HEIGHT}
      option={option}
      data={() => points}
      table={() => ({
        columns: ['Time', 'Rate', 'Lag'],
        rows: points.map((each) => [formatMoment(new Date(each.at)), formatRate(each.rate), formatCount(each.lag)]),
      })}
    />
  )
}

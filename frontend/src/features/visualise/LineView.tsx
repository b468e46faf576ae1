/** Live regression: one line per output with its extremes, with zoom, and the last values. */
import { Group, Stack, Title } from '@mantine/core'
import type { EChartsCoreOption } from 'echarts/core'
import { useMemo } from 'react'
import { ChartFrame, type ChartTable } from '~/components/charts/Chart'
import { SmallPrint } from '~/components/Dimmed'
import { formatClock, formatMetric, plural } from '~/lib/format'
import { type LineStep, thinned } from './frames'
import classes from './LineView.module.css'
import type { Naming } from './labels'
import { useStore, type Watch } from './useWatch'

const MAX_POINTS = 500
const DRAW_EVERY_MS = 250

export function LineView({ watch, naming, span, tall }: { watch: Watch; naming: Naming; span: number; tall: boolean }) {
  const { steps, ids } = useStore(
    watch.store,
    (store) => ({
      steps: thinned(store.lineSteps, (store.lineSteps.at(-1)?.at ?? 0) - span, MAX_POINTS),
      ids: store.latest?.lines ?? [],
    }),
    DRAW_EVERY_MS,
  )
  const option = useMemo(() => chartOption(steps, ids, naming, span), [steps, ids, naming, span])
  return (
    <Stack gap="lg">
      <LastValues watch={watch} naming={naming} />
      <div>
        <Title order={2}>Values</Title>
        <ChartFrame
          name="predictions"
          label={`Predicted values over time, ${plural(ids.length, 'line')}`}
          height={tall ? 560 : 360}
          option={option}
          table={() => tableOf(steps, ids, naming)}
          data={() => ({ outputs: ids.map((id) => ({ id, label: naming.nameOf(id) })), steps })}
        />
      </div>
      <SmallPrint>
        Where several predictions share a point, the line goes through the smallest and the largest. To zoom, drag the
        bar below the chart or use the mouse wheel over it.
      </SmallPrint>
    </Stack>
  )
}

function LastValues({ watch, naming }: { watch: Watch; naming: Naming }) {
  const { last, ids } = useStore(watch.store, (store) => ({
    last: store.lineSteps.at(-1)?.last ?? [],
    ids: store.latest?.lines ?? [],
  }))
  return (
    <section aria-label="Last values" className={classes.values}>
      {ids.map((id, index) => (
        <div key={id} className={classes.value}>
          <Group gap={6} wrap="nowrap">
            <span className={classes.dot} style={{ background: naming.colorOf(id) }} aria-hidden />
            <SmallPrint truncate>{naming.nameOf(id)}</SmallPrint>
          </Group>
          <div className={classes.number} data-testid={`value-${id}`}>
            {formatMetric(last[index] ?? null)}
          </div>
        </div>
      ))}
    </section>
  )
}

function chartOption(
  steps: readonly LineStep[],
  ids: readonly number[],
  naming: Naming,
  span: number,
): EChartsCoreOption {
  const until = steps.at(-1)?.at
  return {
    grid: { left: 56, right: 16, top: ids.length > 1 ? 36 : 12, bottom: 64 },
    legend: { show: ids.length > 1, type: 'scroll', top: 0, left: 0 },
    tooltip: { trigger: 'axis', confine: true },
    // The axis covers the chosen span, even if predictions arrived in only a part of it.
    xAxis: { type: 'time', ...(until === undefined ? {} : { min: (until - span) * 1000, max: until * 1000 }) },
    yAxis: { type: 'value', scale: true },
    dataZoom: [{ type: 'inside' }, { type: 'slider', height: 20, bottom: 8 }],
    series: ids.map((id, index) => ({
      id: String(id),
      name: naming.nameOf(id),
      type: 'line',
      showSymbol: steps.length < 40,
      symbolSize: 4,
      lineStyle: { width: 1.5 },
      itemStyle: { color: naming.colorOf(id) },
      data: linePoints(steps, index),
    })),
  }
}

/**
 * Points of an output in milliseconds since 1970: one per step, or two when the least and the greatest value differ.
 */
export function linePoints(steps: readonly LineStep[], index: number): [number, number | null][] {
  return steps.flatMap((step): [number, number | null][] => {
    const [at, low, high] = [step.at * 1000, step.min[index] ?? null, step.max[index] ?? null]
    return low === high
      ? [[at, low]]
      : [
          [at, low],
          [at, high],
        ]
  })
}

function tableOf(steps: readonly LineStep[], ids: readonly number[], naming: Naming): ChartTable {
  return {
    columns: ['Time', 'Predictions', ...ids.map((id) => naming.nameOf(id))],
    rows: steps.map((step, row) => [
      `${formatClock(step.at * 1000)} (${row + 1})`,
      String(step.count),
      ...ids.map((_, index) => rangeOf(step, index)),
    ]),
  }
}

function rangeOf(step: LineStep, index: number): string {
  const [low, high] = [step.min[index], step.max[index]]
  return low === high ? formatMetric(low) : `${formatMetric(low)} to ${formatMetric(high)}`
}

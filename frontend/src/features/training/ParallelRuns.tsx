/** Parallel coordinates (Inselberg, 1985): one line per run, across the differing parameters and the scores. */
import type { EChartsCoreOption } from 'echarts/core'
import { useMemo } from 'react'
import { ChartFrame } from '~/components/charts/Chart'
import { Dimmed } from '~/components/Dimmed'
import type { Result } from '~/lib/api'
import { useSeriesColor } from '~/lib/palette'
import { axesOf } from './parallel'
import { valueText } from './runValues'

const HEIGHT = 300

export function ParallelRuns({ results, seriesIds }: { results: readonly Result[]; seriesIds: readonly number[] }) {
  const color = useSeriesColor()
  const axes = useMemo(() => axesOf(results), [results])
  const option = useMemo<EChartsCoreOption>(
    () => ({
      parallel: { left: 48, right: 64, top: 40, bottom: 24 },
      parallelAxis: axes.map(({ title, words }, dim) => ({
        dim,
        name: title,
        ...(words ? { type: 'category', data: words } : { type: 'value', scale: true }),
      })),
      tooltip: { trigger: 'item', confine: true },
      series: results.map((result, run) => ({
        type: 'parallel',
        name: `${result.name || result.model_name} (${result.id})`,
        color: color(seriesIds[run] ?? result.id),
        lineStyle: { width: 2.5, color: color(seriesIds[run] ?? result.id), opacity: 0.9 },
        data: [axes.map(({ values }) => values[run] ?? '-')],
      })),
    }),
    [axes, results, seriesIds, color],
  )
  if (axes.length < 2) return <Dimmed>These runs have the same parameters.</Dimmed>
  return (
    <ChartFrame
      title="Runs across the parameters that differ and their scores"
      name="parallel-runs"
      option={option}
      label={`${results.length} runs across ${axes.map(({ title }) => title).join(', ')}`}
      height={HEIGHT}
      data={() => axes}
      table={() => ({
        columns: ['Run', ...axes.map(({ title }) => title)],
        rows: results.map((result, run) => [
          `${result.name || result.model_name} (${result.id})`,
          ...axes.map(({ values }) => valueText(values[run])),
        ]),
      })}
    />
  )
}

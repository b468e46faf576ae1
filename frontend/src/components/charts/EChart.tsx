/** The chart library itself: loaded only when a chart is drawn. Use Chart.tsx, never this. */
import { useComputedColorScheme } from '@mantine/core'
import { BarChart, HeatmapChart, LineChart, ParallelChart, ScatterChart } from 'echarts/charts'
import {
  DataZoomComponent,
  GridComponent,
  LegendComponent,
  MarkLineComponent,
  ParallelComponent,
  TooltipComponent,
  VisualMapComponent,
} from 'echarts/components'
import { type ECharts, init, registerTheme, use } from 'echarts/core'
import { CanvasRenderer } from 'echarts/renderers'
import { useEffect, useImperativeHandle, useRef } from 'react'
import type { ChartHandle, ChartProps } from './Chart'
import { chartTheme } from './theme'

use([
  BarChart,
  HeatmapChart,
  LineChart,
  ParallelChart,
  ScatterChart,
  DataZoomComponent,
  GridComponent,
  LegendComponent,
  MarkLineComponent,
  ParallelComponent,
  TooltipComponent,
  VisualMapComponent,
  CanvasRenderer,
])
for (const scheme of ['light', 'dark'] as const) registerTheme(`kml-${scheme}`, chartTheme(scheme))

export default function EChart({ option, label, height, onPoint, handle }: ChartProps) {
  const box = useRef<HTMLDivElement>(null)
  const chart = useRef<ECharts | null>(null)
  const scheme = useComputedColorScheme('light')
  const pointed = useRef(onPoint)
  useEffect(() => {
    pointed.current = onPoint
  })

  useEffect(() => {
    if (!box.current) return
    const made = init(box.current, `kml-${scheme}`)
    chart.current = made
    made.on('click', (event) => pointed.current?.(event.seriesIndex ?? 0, event.data, event.dataIndex))
    const observer = new ResizeObserver(() => made.resize())
    observer.observe(box.current)
    return () => {
      observer.disconnect()
      made.dispose()
      chart.current = null
    }
  }, [scheme])

  // This effect runs after the one above, also when a new theme made a new chart. Data are merged, so the reader's zoom
  // stays, and series that are gone are removed. The update is not deferred: until the next frame the pointer could
  // meet points of a removed series, on which the library fails.
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new theme is a new chart, which needs the option again
  useEffect(() => {
    chart.current?.setOption({ animation: false, ...option }, { replaceMerge: ['series'] })
  }, [option, scheme])

  useImperativeHandle(
    handle,
    (): ChartHandle => ({
      toPng: () =>
        chart.current?.getDataURL({
          type: 'png',
          pixelRatio: 2,
          backgroundColor: scheme === 'dark' ? '#16181d' : '#ffffff',
        }) ?? null,
      chart: () => chart.current,
    }),
    [scheme],
  )
  return <div ref={box} role="img" aria-label={label} style={{ width: '100%', height }} />
}

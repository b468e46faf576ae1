/** Charts in the page's own colours. */
import { seriesColor } from '~/lib/palette'

const INK = {
  light: { text: '#3d434d', line: '#c4c8d0', grid: '#e7e9ed', paper: '#ffffff', border: '#ced4da' },
  dark: { text: '#c1c6d0', line: '#4a4f5a', grid: '#2b2f37', paper: '#22252c', border: '#3c414b' },
} as const

/** A theme of the chart library: text, axes, tooltips and the series palette. */
export function chartTheme(scheme: 'light' | 'dark'): Record<string, unknown> {
  const ink = INK[scheme]
  const axis = {
    axisLine: { lineStyle: { color: ink.line } },
    axisTick: { lineStyle: { color: ink.line } },
    axisLabel: { color: ink.text },
    nameTextStyle: { color: ink.text },
    splitLine: { lineStyle: { color: [ink.grid] } },
    minorSplitLine: { lineStyle: { color: ink.grid, opacity: 0.5 } },
  }
  return {
    color: Array.from({ length: 8 }, (_, index) => seriesColor(index, scheme)),
    backgroundColor: 'transparent',
    textStyle: { color: ink.text, fontFamily: 'system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif' },
    legend: { textStyle: { color: ink.text }, inactiveColor: ink.line, pageTextStyle: { color: ink.text } },
    tooltip: {
      backgroundColor: ink.paper,
      borderColor: ink.border,
      textStyle: { color: ink.text, fontSize: 12 },
      axisPointer: { lineStyle: { color: ink.line }, crossStyle: { color: ink.line } },
    },
    dataZoom: {
      borderColor: ink.line,
      textStyle: { color: ink.text },
      fillerColor: scheme === 'dark' ? 'rgba(159,176,255,0.14)' : 'rgba(59,79,196,0.10)',
      handleStyle: { color: ink.paper, borderColor: ink.line },
      moveHandleStyle: { color: ink.line },
    },
    visualMap: { textStyle: { color: ink.text } },
    categoryAxis: axis,
    valueAxis: axis,
    logAxis: axis,
    timeAxis: axis,
  }
}

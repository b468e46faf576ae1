import { BarChart, LineChart } from 'echarts/charts'
import { GridComponent, MarkLineComponent } from 'echarts/components'
import { init, setPlatformAPI, use } from 'echarts/core'
import { SVGRenderer } from 'echarts/renderers'
import { expect, test } from 'vitest'
import type { HistoryStep, ServingHistory } from '~/lib/api'
import { optionOf } from './HistoryChart'
import { curveOf, daySummary, marksOf } from './history'

function step(minutes: number, change: Partial<HistoryStep> = {}): HistoryStep {
  return {
    at: new Date(Date.UTC(2026, 0, 1, 12, minutes)).toISOString(),
    attempt: 1,
    revision: 0,
    rate: 2,
    predicted: 600,
    dead_lettered: 0,
    sent_up: 0,
    warming_up: 0,
    restarts: 0,
    lag: 1,
    p50_ms: null,
    p99_ms: null,
    confidence: null,
    ...change,
  }
}

function day(...steps: HistoryStep[]): ServingHistory {
  return { since: step(0).at, step_minutes: 5, steps }
}

const NOON = Date.UTC(2026, 0, 1, 12)
const MINUTE = 60_000

test('silence is a gap, and what was not measured is not zero', () => {
  const found = day(step(0), step(5), step(30, { rate: 4 }))
  expect(curveOf(found, 'rate')).toEqual([
    [NOON, 2],
    [NOON + 5 * MINUTE, 2],
    [NOON + 25 * MINUTE, null],
    [NOON + 30 * MINUTE, 4],
  ])
  expect(curveOf(day(step(0)), 'p99_ms')).toEqual([[NOON, null]])
})

test('another attempt and another revision are marked where they begin', () => {
  const steps = [step(0), step(5, { revision: 1 }), step(10, { revision: 1 }), step(15, { attempt: 2, revision: 2 })]
  expect(marksOf(steps)).toEqual([
    { at: NOON + 5 * MINUTE, text: 'revision 1' },
    { at: NOON + 15 * MINUTE, text: 'attempt 2' },
  ])
})

test('a lone step with dead letters is not drawn as wide as half of the day', () => {
  const { series } = optionOf(day(step(0, { dead_lettered: 54 }))) as {
    series: { name: string; barMaxWidth?: number }[]
  }
  expect(series.find(({ name }) => name === 'dead letters')?.barMaxWidth).toBeLessThan(10)
})

test('a lone step with dead letters leaves all curves on one axis of a day', () => {
  use([BarChart, LineChart, GridComponent, MarkLineComponent, SVGRenderer])
  setPlatformAPI({ measureText: (text) => ({ width: 6 * text.length }) })
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: 800, height: 480 })
  const { legend: _l, tooltip: _t, axisPointer: _a, ...drawn } = optionOf(day(step(0, { dead_lettered: 54 })))
  chart.setOption(drawn)
  const places = [0, 1, 2].map((xAxisIndex) => chart.convertToPixel({ xAxisIndex }, NOON + 1_400 * MINUTE))
  expect(Math.max(...places) - Math.min(...places)).toBeLessThan(2)
  chart.dispose()
})

test('one sentence tells the day', () => {
  expect(daySummary(day(step(0, { dead_lettered: 1 }), step(5)))).toBe('1,200 records answered, 1 dead letter')
  expect(daySummary(day(step(0, { restarts: 2 })))).toBe('600 records answered, 0 dead letters, 2 restarts')
})

test('confidence is drawn where an answer has one, and takes no room where none has', () => {
  const grids = (...steps: HistoryStep[]) => {
    const { grid, xAxis, series } = optionOf(day(...steps)) as Record<'grid' | 'xAxis' | 'series', { name: string }[]>
    return { grids: grid.length, axes: xAxis.length, curves: series.map((curve) => curve.name) }
  }
  const regression = grids(step(0), step(5))
  expect([regression.grids, regression.axes]).toEqual([3, 3])
  expect(regression.curves).not.toContain('mean confidence')
  const classifier = grids(step(0), step(5, { confidence: 0.9 }))
  expect([classifier.grids, classifier.axes]).toEqual([4, 4])
  expect(classifier.curves).toContain('mean confidence')
})

import { expect, it } from 'vitest'
import type { Outcome } from '~/lib/api'
import { bestOf, metricNamesOf } from './metrics'

const row = (id: number, test_metrics: Record<string, number | null>) => ({
  id,
  outcome: { test_metrics } as unknown as Outcome,
})

it('takes the highest accuracy and the lowest loss', () => {
  const rows = [row(1, { accuracy: 0.9, loss: 0.3 }), row(2, { accuracy: 0.8, loss: 0.1 }), { id: 3, outcome: null }]
  expect(bestOf(rows, 'accuracy')).toBe(1)
  expect(bestOf(rows, 'loss')).toBe(2)
})

it('names none where there is nothing to compare', () => {
  expect(bestOf([row(1, { accuracy: 0.9 }), row(2, { accuracy: null })], 'accuracy')).toBeUndefined()
})

it('lists what most results have first', () => {
  expect(metricNamesOf([row(1, { b: 1 }), row(2, { a: 1, b: 1 })])).toEqual(['b', 'a'])
})

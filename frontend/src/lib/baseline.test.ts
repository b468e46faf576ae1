import { expect, test } from 'vitest'
import type { Baseline } from '~/lib/api'
import { baselineText, beats } from './baseline'

const MAJORITY: Baseline = { kind: 'majority', answer: '0', scores: { accuracy: 0.854 }, samples: 500 }
const MEDIAN: Baseline = {
  kind: 'median',
  answer: '3.5',
  scores: { mean_absolute_error: 2, root_mean_squared_error: 3 },
  samples: 500,
}

test('an accuracy that says nothing is said to', () => {
  expect(baselineText(MAJORITY, 'accuracy', 0.854)).toBe('no better than always predicting 0 (85.4%)')
  expect(baselineText(MAJORITY, 'accuracy', null)).toBe('no better than always predicting 0 (85.4%)')
  expect(baselineText(MAJORITY, 'accuracy', 0.9)).toBe('always predicting 0: 85.4%')
})

test('errors are held against the median and the mean', () => {
  expect(baselineText(MEDIAN, 'mean_absolute_error', 2.5)).toBe('no better than always predicting the median (3.5): 2')
  expect(baselineText(MEDIAN, 'root_mean_squared_error', 1)).toBe('always predicting the mean: 3')
  expect(beats(MEDIAN, 'mean_absolute_error', 1)).toBe(true)
})

test('nothing is said of what has no baseline', () => {
  expect(baselineText(MAJORITY, 'loss', 0.1)).toBe('')
  expect(baselineText(null, 'accuracy', 0.1)).toBe('')
  expect(beats(MAJORITY, 'accuracy', undefined)).toBeNull()
})

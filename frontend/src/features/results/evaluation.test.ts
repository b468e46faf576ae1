import { expect, test } from 'vitest'
import type { Curves } from '~/lib/api'
import { errorsOf, matrixAt, pointAt, prPoints, ratesAt, rocPoints } from './evaluation'

const CURVES: Curves = {
  positive: 'failing',
  negative: 'well',
  positives: 2,
  negatives: 2,
  roc_auc: 0.75,
  average_precision: 0.83,
  points: [
    { threshold: 0.8, true_positives: 1, false_positives: 0 },
    { threshold: 0.4, true_positives: 1, false_positives: 1 },
    { threshold: 0.35, true_positives: 2, false_positives: 1 },
    { threshold: 0.1, true_positives: 2, false_positives: 2 },
  ],
}

test('the threshold moves the matrix', () => {
  expect(matrixAt(CURVES, pointAt(CURVES, 0.5))).toEqual([
    [2, 0],
    [1, 1],
  ])
  expect(matrixAt(CURVES, pointAt(CURVES, 0.35))).toEqual([
    [1, 1],
    [0, 2],
  ])
  expect(matrixAt(CURVES, pointAt(CURVES, 0))).toEqual([
    [0, 2],
    [0, 2],
  ])
})

test('above all scores nothing is positive, and precision is not known', () => {
  const none = pointAt(CURVES, 0.9)
  expect(matrixAt(CURVES, none)).toEqual([
    [2, 0],
    [2, 0],
  ])
  expect(ratesAt(CURVES, none)).toEqual({ recall: 0, precision: null, falseRate: 0 })
})

test('the curves begin where nothing is positive and end where all is', () => {
  expect(rocPoints(CURVES)).toEqual([
    [0, 0],
    [0, 0.5],
    [0.5, 0.5],
    [0.5, 1],
    [1, 1],
  ])
  expect(prPoints(CURVES)).toEqual([
    [0.5, 1],
    [0.5, 0.5],
    [1, 2 / 3],
    [1, 0.5],
  ])
})

test('a residual is what a prediction is above what was right', () => {
  expect(
    errorsOf([
      [10, 12],
      [5, 4],
    ]),
  ).toEqual([
    [10, 2],
    [5, -1],
  ])
})

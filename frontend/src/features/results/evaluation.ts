/** Measures of two classes at a threshold, and the points of their curves, from the counts that the platform keeps. */

import type { Matrix } from '~/components/charts/confusion'
import type { Curves, Residuals, ThresholdPoint } from '~/lib/api'

const NOTHING: ThresholdPoint = { threshold: 1, true_positives: 0, false_positives: 0 }

/** The point of the curve for ``threshold``: the last stored one that is not below it. */
export function pointAt({ points }: Pick<Curves, 'points'>, threshold: number): ThresholdPoint {
  // Thresholds are float32 values widened to float64, which a slider cannot meet to the last digit.
  return points.findLast((point) => point.threshold >= threshold - 1e-7) ?? { ...NOTHING, threshold }
}

/** The confusion matrix at a point. Rows are actual classes, the negative one first. */
export function matrixAt(curves: Curves, point: ThresholdPoint): Matrix {
  const { positives, negatives } = curves
  return [
    [negatives - point.false_positives, point.false_positives],
    [positives - point.true_positives, point.true_positives],
  ]
}

export interface Rates {
  /** The share of the positive samples that were found. */
  recall: number
  /** The share of predicted positives that are right; null when none was predicted. */
  precision: number | null
  /** The share of the negative samples that were predicted as positive. */
  falseRate: number
}

export function ratesAt(curves: Curves, point: ThresholdPoint): Rates {
  const said = point.true_positives + point.false_positives
  return {
    recall: point.true_positives / curves.positives,
    precision: said > 0 ? point.true_positives / said : null,
    falseRate: point.false_positives / curves.negatives,
  }
}

/** The points [false positive rate, recall] of the ROC curve, starting where nothing is predicted as positive. */
export function rocPoints(curves: Curves): [number, number][] {
  return [NOTHING, ...curves.points].map((point) => {
    const { falseRate, recall } = ratesAt(curves, point)
    return [falseRate, recall]
  })
}

/** The points [recall, precision] of the precision-recall curve. */
export function prPoints(curves: Curves): [number, number][] {
  return curves.points.flatMap((point) => {
    const { recall, precision } = ratesAt(curves, point)
    return precision === null ? [] : [[recall, precision] as [number, number]]
  })
}

/** The errors [actual, predicted minus actual] of the points that have both values. */
export function errorsOf(points: Residuals['points']): [number, number][] {
  return points.flatMap(([actual, predicted]) =>
    actual === null || predicted === null ? [] : [[actual, predicted - actual] as [number, number]],
  )
}

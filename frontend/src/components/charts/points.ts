/** Thins the points of a training to as many as a page can draw, however long the training is. */

import { type EpochPoint, metricNames, PARTS } from './curves'

/** The most points that the width of a chart can show. */
export const MAX_POINTS = 1_000
/** The most curves whose extremes are kept. */
const MAX_CURVES = 24

/**
 * Thins ``points`` to at most MAX_POINTS, in order. It keeps the first and the last point, and in each stretch the
 * least and the greatest value of each curve, so that no peak is lost.
 */
export function thinned<Point extends EpochPoint>(points: readonly Point[], max = MAX_POINTS): readonly Point[] {
  if (points.length <= max) return points
  const curves = metricNames([{ id: 0, name: '', epochs: points.slice(-1) }])
    .flatMap((metric) => PARTS.map((part) => (point: Point) => point[part][metric]))
    .slice(0, MAX_CURVES)
  // Each stretch contributes two extremes per curve; the first and the last point are added to them.
  const stretches = Math.max(1, Math.floor((max - 2) / Math.max(1, 2 * curves.length)))
  const size = Math.ceil(points.length / stretches)
  const kept = new Set<number>([0, points.length - 1])
  for (let start = 0; start < points.length; start += size) {
    const end = Math.min(points.length, start + size)
    if (curves.length === 0) kept.add(start)
    for (const read of curves) {
      let least: { index: number; value: number } | null = null
      let greatest: { index: number; value: number } | null = null
      for (let index = start; index < end; index += 1) {
        const value = read(points[index] as Point)
        if (value === null || value === undefined) continue
        if (least === null || value < least.value) least = { index, value }
        if (greatest === null || value > greatest.value) greatest = { index, value }
      }
      if (least && greatest) kept.add(least.index).add(greatest.index)
    }
  }
  return [...kept].sort((a, b) => a - b).map((index) => points[index] as Point)
}

/**
 * The last day of an inference as its charts draw it, with gaps for silence and marks for new attempts and revisions.
 */
import type { HistoryStep, ServingHistory } from '~/lib/api'
import { plural } from '~/lib/format'

export type Curve = 'rate' | 'lag' | 'p50_ms' | 'p99_ms' | 'confidence' | 'dead_lettered' | 'sent_up'

/** Time in milliseconds since 1970, and the value. A null interrupts the line. */
export type CurvePoint = [at: number, value: number | null]

/** A point for each step. A null between steps with silence in between keeps the line from bridging it. */
export function curveOf({ steps, step_minutes }: ServingHistory, name: Curve): CurvePoint[] {
  const step = step_minutes * 60_000
  return steps.flatMap((historyStep, index): CurvePoint[] => {
    const at = Date.parse(historyStep.at)
    const before = steps[index - 1]
    const point: CurvePoint = [at, historyStep[name]]
    return before && at - Date.parse(before.at) > step ? [[at - step, null], point] : [point]
  })
}

/**
 * The points of ``curveOf`` for bars, with an empty step at the end. The chart takes the distance of points as the
 * width of a bar, and leaves half a bar at both ends of the axis. A single bar would therefore widen the axis to two
 * days.
 */
export function barsOf(found: ServingHistory, name: Curve): CurvePoint[] {
  const points = curveOf(found, name)
  const last = points.at(-1)
  return last ? [...points, [last[0] + found.step_minutes * 60_000, null]] : points
}

/** Marks where another attempt or revision began to answer: 'attempt 2', 'revision 3'. */
export function marksOf(steps: readonly HistoryStep[]): { at: number; text: string }[] {
  return steps.flatMap((step, index) => {
    const before = steps[index - 1]
    if (!before) return []
    if (before.attempt !== step.attempt) return [{ at: Date.parse(step.at), text: `attempt ${step.attempt}` }]
    if (before.revision !== step.revision) return [{ at: Date.parse(step.at), text: `revision ${step.revision}` }]
    return []
  })
}

/** Whether any answer was a choice between classes, which has a confidence. */
export function hasConfidence({ steps }: ServingHistory): boolean {
  return steps.some((step) => step.confidence !== null)
}

/** The day in one sentence for screen readers. */
export function daySummary({ steps }: ServingHistory): string {
  const sum = (name: 'predicted' | 'dead_lettered' | 'restarts') => steps.reduce((all, step) => all + step[name], 0)
  const restarts = sum('restarts')
  return [
    plural(sum('predicted'), 'record answered', 'records answered'),
    plural(sum('dead_lettered'), 'dead letter'),
    ...(restarts > 0 ? [plural(restarts, 'restart')] : []),
  ].join(', ')
}

/** The last day of an inference as its charts draw it: silence as a gap, and where something else began to answer. */
import type { HistoryStep, ServingHistory } from '~/lib/api'
import { plural } from '~/lib/format'

export type Curve = 'rate' | 'lag' | 'p50_ms' | 'p99_ms' | 'confidence' | 'dead_lettered' | 'sent_up'

/** Milliseconds since 1970, and the value; null interrupts the line. */
export type CurvePoint = [at: number, value: number | null]

/** A point for each step, and between steps with silence in between a null, so that no line bridges it. */
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
 * The same for bars. The chart makes room for half a bar at both ends of its axis, and takes the distance of points for the
 * bar's width, so a lone bar would widen the axis to two days: a step without a bar follows.
 */
export function barsOf(found: ServingHistory, name: Curve): CurvePoint[] {
  const points = curveOf(found, name)
  const last = points.at(-1)
  return last ? [...points, [last[0] + found.step_minutes * 60_000, null]] : points
}

/** Where another attempt or revision began to answer: 'attempt 2', 'revision 3'. */
export function marksOf(steps: readonly HistoryStep[]): { at: number; text: string }[] {
  return steps.flatMap((step, index) => {
    const before = steps[index - 1]
    if (!before) return []
    if (before.attempt !== step.attempt) return [{ at: Date.parse(step.at), text: `attempt ${step.attempt}` }]
    if (before.revision !== step.revision) return [{ at: Date.parse(step.at), text: `revision ${step.revision}` }]
    return []
  })
}

/** Whether any answer was a choice between classes, so that there is a confidence to draw. */
export function hasConfidence({ steps }: ServingHistory): boolean {
  return steps.some((step) => step.confidence !== null)
}

/** What the day held, in one sentence for those who do not see the picture. */
export function daySummary({ steps }: ServingHistory): string {
  const sum = (name: 'predicted' | 'dead_lettered' | 'restarts') => steps.reduce((all, step) => all + step[name], 0)
  const restarts = sum('restarts')
  return [
    plural(sum('predicted'), 'record answered', 'records answered'),
    plural(sum('dead_lettered'), 'dead letter'),
    ...(restarts > 0 ? [plural(restarts, 'restart')] : []),
  ].join(', ')
}

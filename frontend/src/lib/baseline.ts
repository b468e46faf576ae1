/** What a model must beat, in words: "no better than always predicting 0 (85.4%)". */
import type { Baseline } from '~/lib/api'
import { formatMetric, formatPercent } from '~/lib/format'
import type { ScoreName } from '~/lib/scores'

/** The figure of a score: shares as percent. */
function figure(name: string, value: number | null | undefined): string {
  return name === 'accuracy' ? formatPercent(value) : formatMetric(value)
}

/** Whether ``value`` is better than what always answering the same scores; null where that is not known. */
export function beats(baseline: Baseline | null | undefined, name: string, value: number | null | undefined) {
  const least = baseline?.scores[name as ScoreName]
  if (least === undefined || least === null || value === undefined) return null
  if (value === null) return false
  return name === 'accuracy' ? value > least : value < least
}

/** The text next to the figure of a score; empty if no baseline is known. */
export function baselineText(
  baseline: Baseline | null | undefined,
  name: string,
  value: number | null | undefined,
): string {
  const better = beats(baseline, name, value)
  if (!baseline || better === null) return ''
  const least = figure(name, baseline.scores[name as ScoreName])
  if (baseline.kind === 'majority') {
    return better
      ? `always predicting ${baseline.answer}: ${least}`
      : `no better than always predicting ${baseline.answer} (${least})`
  }
  // The squared error is least for the mean, any other for the median.
  const answer = name === 'root_mean_squared_error' ? 'the mean' : `the median (${baseline.answer})`
  return better ? `always predicting ${answer}: ${least}` : `no better than always predicting ${answer}: ${least}`
}

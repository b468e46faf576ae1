/** The baseline that a model must beat, in words: "no better than always predicting 0 (85.4%)". */
import type { Baseline } from '~/lib/api'
import { formatMetric, formatPercent } from '~/lib/format'
import type { ScoreName } from '~/lib/scores'

/** A score as text; shares in percent. */
function figure(name: string, value: number | null | undefined): string {
  return name === 'accuracy' ? formatPercent(value) : formatMetric(value)
}

/** Whether ``value`` beats the baseline, which always gives the same answer; null when that is unknown. */
export function beats(baseline: Baseline | null | undefined, name: string, value: number | null | undefined) {
  const least = baseline?.scores[name as ScoreName]
  if (least === undefined || least === null || value === undefined) return null
  if (value === null) return false
  return name === 'accuracy' ? value > least : value < least
}

/** The text next to a score; empty when no baseline is known. */
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
  // The mean minimises the squared error; the median minimises the absolute error.
  const answer = name === 'root_mean_squared_error' ? 'the mean' : `the median (${baseline.answer})`
  return better ? `always predicting ${answer}: ${least}` : `no better than always predicting ${answer}: ${least}`
}

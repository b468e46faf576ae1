/** Names of the scores that the platform computes on the test samples, by one rule for all frameworks. */
import type { Outcome } from '~/lib/api'

export type ScoreName = keyof NonNullable<NonNullable<Outcome>['scores']>

/** The name of a score in a sentence: 'mean absolute error'. */
export function scoreTitle(name: string): string {
  return name.replaceAll('_', ' ')
}

/** The name of a score as a heading: 'Mean absolute error'. */
export function scoreHeading(name: string): string {
  return scoreTitle(name).replace(/^./, (letter) => letter.toUpperCase())
}

/** Scores that the platform computes of a trained model on its test samples, by one rule for all frameworks. */
import type { Outcome } from '~/lib/api'

export type ScoreName = keyof NonNullable<NonNullable<Outcome>['scores']>

/** 'mean absolute error'. */
export function scoreTitle(name: string): string {
  return name.replaceAll('_', ' ')
}

/** 'Mean absolute error'. */
export function scoreHeading(name: string): string {
  return scoreTitle(name).replace(/^./, (letter) => letter.toUpperCase())
}

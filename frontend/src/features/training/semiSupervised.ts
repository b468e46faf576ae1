/** Semi-supervised training in the deploy form: its values and the request they make. */
import type { SemiSupervised, SemiSupervisedRequest } from '~/lib/api'

/** The form's values: numbers, or incomplete input. */
export interface SemiSupervisedValues {
  on: boolean
  rounds: number | string
  confidence: number | string
}

export const FIRST_SEMI_SUPERVISED: SemiSupervisedValues = { on: false, rounds: 5, confidence: 0.9 }

export function semiSupervisedValuesOf(asked: SemiSupervised | null): SemiSupervisedValues {
  return asked === null ? FIRST_SEMI_SUPERVISED : { on: true, rounds: asked.rounds, confidence: asked.confidence }
}

/** The request. Incomplete input is sent unchanged, because the API explains what it expects. */
export function semiSupervisedRequest(values: SemiSupervisedValues): SemiSupervisedRequest | null {
  return values.on ? { rounds: values.rounds as number, confidence: values.confidence as number } : null
}

export function semiSupervisedText(asked: SemiSupervised | null): string {
  return asked === null
    ? 'not used'
    : `used in at most ${asked.rounds} rounds, with confidence ${asked.confidence} or more`
}

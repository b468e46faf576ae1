/** Training settings of distributed models in the deploy form: values, request, words. */
import type { ChainNames, ChainTraining, ChainTrainingRequest, Configuration, Framework } from '~/lib/api'
import { type Unit, unitsOf } from '~/lib/units'

/** The form's values: numbers, or incomplete input. */
export interface ChainValues {
  optimizer: string
  learning_rate: number | string
  loss: string
  metrics: string[]
  /** The weight of each loss by name of sub-model; 1 if missing. */
  loss_weights: Record<string, number | string>
}

export const FIRST_CHAIN: ChainValues = {
  optimizer: 'adam',
  learning_rate: 0.001,
  loss: 'sparse_categorical_crossentropy',
  metrics: ['sparse_categorical_accuracy'],
  loss_weights: {},
}

export function chainValuesOf(chain: ChainTraining | null): ChainValues {
  return chain === null
    ? FIRST_CHAIN
    : { ...chain, metrics: [...chain.metrics], loss_weights: { ...chain.loss_weights } }
}

/** The distributed models of a configuration, each with its lowest sub-model first. */
export function chainsIn(configuration: Pick<Configuration, 'model_details'>): Unit[] {
  return unitsOf(configuration.model_details).filter(([{ distributed }]) => distributed)
}

/**
 * The request: weights of existing sub-models other than 1. Incomplete input is sent unchanged, because the API
 * explains what it expects.
 */
export function chainRequest(values: ChainValues, subModels: readonly string[]): ChainTrainingRequest {
  const weights = Object.entries(values.loss_weights).filter(
    ([name, weight]) => subModels.includes(name) && weight !== 1,
  )
  return {
    ...values,
    learning_rate: values.learning_rate as number,
    loss_weights: Object.fromEntries(weights) as Record<string, number>,
  }
}

/** The settings that differ from the API's defaults. */
export function saidOfChain(request: ChainTrainingRequest): [string, unknown][] {
  return Object.entries(request).filter(
    ([name, value]) => JSON.stringify(value) !== JSON.stringify(FIRST_CHAIN[name as keyof ChainValues]),
  )
}

/** The settings as options of the command. */
export function chainOptions(said: readonly (readonly [string, unknown])[]): (readonly [string, unknown])[] {
  return said.flatMap(([name, value]) =>
    name === 'loss_weights'
      ? Object.entries(value as Record<string, number>).map(
          ([model, weight]) => ['loss_weight', `${model}=${weight}`] as const,
        )
      : [[name, Array.isArray(value) ? value.join(', ') : value] as const],
  )
}

/** Names of optimisers, losses and metrics that the frameworks of all chains have. */
export function namesFor(chains: readonly Unit[], frameworks: readonly Framework[]): ChainNames {
  const used = frameworks.filter(({ name }) => chains.some(([first]) => first.framework === name))
  const shared = (of: keyof ChainNames) => {
    const [first = [], ...others] = used.flatMap(({ chain }) => (chain ? [chain[of]] : []))
    return first.filter((name) => others.every((names) => names.includes(name)))
  }
  return { optimizers: shared('optimizers'), losses: shared('losses'), metrics: shared('metrics') }
}

/** The weights as text: 'edge 0.5; others 1', or '1 each' when all are 1. */
export function weightsText(weights: Readonly<Record<string, number>>): string {
  const said = Object.entries(weights)
  return said.length === 0 ? '1 each' : `${said.map(([name, weight]) => `${name} ${weight}`).join(', ')}; others 1`
}

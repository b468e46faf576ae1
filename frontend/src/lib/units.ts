/**
 * The units that users choose: a model, or the whole chain of a distributed model; and whether chosen units fit one
 * stream.
 */
import type { ModelOf, ModelRow, TensorSpec } from '~/lib/api'
import { chainsOf } from '~/lib/chains'
import { formatShape } from '~/lib/format'
import { mayBeSame } from '~/lib/shapes'

/** A model as lists and configurations describe it. */
export interface Choice {
  id: number
  name: string
  framework: ModelOf['framework']
  distributed: boolean
  upper_model: number | null
  inputs: readonly TensorSpec[]
  outputs: readonly TensorSpec[]
  parameters: number | null
}

/** The sub-models of a chain from edge to cloud; a single model that is not distributed. */
export type Unit = readonly [Choice, ...Choice[]]

export function choiceOf(model: ModelRow): Choice {
  const { id, name, framework, distributed, upper_model, report } = model
  return {
    id,
    name,
    framework,
    distributed,
    upper_model,
    inputs: report.inputs ?? [],
    outputs: report.outputs ?? [],
    parameters: report.parameters ?? null,
  }
}

/** The models in the given order; a chain stands where its lowest sub-model is. */
export function unitsOf(models: readonly Choice[]): Unit[] {
  const chains = chainsOf(models.filter((model) => model.distributed))
  const units: Unit[] = []
  for (const model of models) {
    const found = model.distributed ? chains.filter((chain) => chain[0]?.id === model.id) : [[model]]
    for (const [first, ...others] of found) if (first) units.push([first, ...others])
  }
  return units
}

/** Why the models cannot learn from the same samples, as one sentence; empty when they can. */
export function inputConflict(units: readonly Unit[]): string {
  const known = units.flatMap(([first]) =>
    first.inputs.length === 1 ? [{ model: first, input: first.inputs[0] }] : [],
  )
  for (const [index, one] of known.entries()) {
    for (const other of known.slice(index + 1)) {
      if (one.input && other.input && !mayBeSame(one.input.shape, other.input.shape)) {
        return (
          `${one.model.name} takes samples of ${formatShape(one.input.shape, { batch: true })}, ` +
          `${other.model.name} of ${formatShape(other.input.shape, { batch: true })}: no stream fits both`
        )
      }
    }
  }
  return ''
}

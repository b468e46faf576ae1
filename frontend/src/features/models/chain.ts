/** The chain that a sub-model is part of, also one that is still being written. */
import type { ChainPart } from '~/components/ChainPicture'
import type { ModelRow } from '~/lib/api'
import { chainsOf } from '~/lib/chains'

export type SubModel = Pick<ModelRow, 'id' | 'name' | 'upper_model'> & { report: Partial<ModelRow['report']> }

/** Of a model that is not saved yet. */
export const NEW = -1

/** The chain of ``model`` from below, where what is typed of it counts and not what is saved. */
export function chainWith<T extends SubModel>(model: T, subModels: readonly T[]): T[] {
  const all = [...subModels.filter(({ id }) => id !== model.id), model]
  return chainsOf(all).find((chain) => chain.includes(model)) ?? [model]
}

export function partOf({ id, name, report }: SubModel): ChainPart {
  return { id: id === NEW ? null : id, name, inputs: report.inputs, outputs: report.outputs }
}

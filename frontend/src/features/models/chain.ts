/** The chain of a sub-model, including a model that is still being written. */
import type { ChainPart } from '~/components/ChainPicture'
import type { ModelRow } from '~/lib/api'
import { chainsOf } from '~/lib/chains'

export type SubModel = Pick<ModelRow, 'id' | 'name' | 'upper_model'> & { report: Partial<ModelRow['report']> }

/** The id of a model that is not saved yet. */
export const NEW = -1

/** The chain of ``model``, the lowest sub-model first. The values in the form replace the stored ones. */
export function chainWith<T extends SubModel>(model: T, subModels: readonly T[]): T[] {
  const all = [...subModels.filter(({ id }) => id !== model.id), model]
  return chainsOf(all).find((chain) => chain.includes(model)) ?? [model]
}

export function partOf({ id, name, report }: SubModel): ChainPart {
  return { id: id === NEW ? null : id, name, inputs: report.inputs, outputs: report.outputs }
}

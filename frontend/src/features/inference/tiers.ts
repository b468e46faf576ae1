/** Tiers of distributed models as inferences: what they read, answer and hand up. */
import type { ChainProposal, Inference, Report, ResultRow } from '~/lib/api'
import { curlCall, type Equivalents } from '~/lib/equivalents'
import { plural } from '~/lib/format'
import type { FoundFormat, Suggestion } from './deploy'

/** Whether an inference of this result can hand up records of which it is not sure. */
export function handsUp(result: Pick<ResultRow, 'tier' | 'leader'> | undefined): boolean {
  return result?.tier != null && result.leader !== null
}

/** Whether an inference of this result reads what the tier below hands up. */
export function isUpper(result: Pick<ResultRow, 'tier'> | undefined): boolean {
  return (result?.tier ?? 0) > 0
}

/** The input format of an upper tier: the tier below hands up float32 in the shape of the upper model's input. */
export function upperFormat({ inputs }: Partial<Pick<Report, 'inputs'>>): FoundFormat {
  const sizes = inputs?.[0]?.shape.slice(1) ?? []
  const shape = sizes.length > 0 && !sizes.includes(null) ? { data_reshape: sizes.join(' ') } : {}
  return { input_format: 'RAW', input_config: { data_type: 'float32', ...shape } }
}

/** The suggestion for the tier of a result, taken from the proposal for its chain. */
export function suggestionOf(proposal: ChainProposal | undefined, result: number): Suggestion | undefined {
  const tier = proposal?.tiers.find((tierProposal) => tierProposal.result === result)
  if (!proposal || !tier) return undefined
  const { input_topic, upper_topic = '', limit } = tier
  return { result, input_topic, output_topic: proposal.output_topic, upper_topic, limit: limit ?? '' }
}

/** The share of records answered at this tier since its limit was set; null without a limit or without records. */
export function leftHere({ exits }: Pick<Inference, 'exits'>): number | null {
  return exits && exits.predicted > 0 ? 1 - exits.sent_up / exits.predicted : null
}

/** The limit and the records counted since it was set: 'limit 0.8, of 1,200 records since it was set'. */
export function exitsText({ exits }: Pick<Inference, 'exits'>): string {
  if (!exits) return ''
  if (exits.predicted === 0) return `limit ${exits.limit}, no records since it was set`
  return `limit ${exits.limit}, of ${plural(exits.predicted, 'record')} since it was set`
}

export function limitEquivalents(id: number, limit: number): Equivalents {
  return {
    cli: `kafka-ml inferences limit ${id} ${limit}`,
    python: `from kafkaml.sdk import Client\n\nclient = Client()\nclient.inferences.set_limit(${id}, ${limit})`,
    curl: curlCall('PATCH', `/api/inferences/${id}/`, { limit }),
  }
}

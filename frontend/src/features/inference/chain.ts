/** The form that serves a whole chain: its values, its request and its sentences. */
import type { ChainProposal, ChainWriteRequest, InputCheckWriteRequest, TierProposal } from '~/lib/api'
import { curlCall, type Equivalents, pythonCall, shellQuote } from '~/lib/equivalents'
import { plural } from '~/lib/format'
import { startText, topicProblem } from './deploy'

export interface TierValues {
  result: number
  model_name: string
  replicas: number | ''
  /** The limit of the tier. Null at the top, which answers every record; '' until the user chooses one. */
  limit: number | '' | null
  /** The topic that records are handed up to; empty at the top. */
  upper_topic: string
  /** The brokers of the upper topic; empty for the platform's own. */
  upper_bootstrap_servers: string
  output_bootstrap_servers: string
  /** The id of another cluster; null for the platform's own. */
  cluster: string | null
  /** GPUs of each replica. */
  gpu: number | ''
}

export interface ChainForm {
  input_topic: string
  /** Where the lowest tier begins to read; see ``DeployForm``. */
  start: string
  output_topic: string
  /** The tiers of the chain, the lowest first. */
  tiers: TierValues[]
}

/** The proposed values, except for ``limits`` that the user has chosen. */
export function valuesOf(proposal: ChainProposal, limits: readonly (number | undefined)[]): ChainForm {
  const limitOf = (tier: TierProposal, place: number) => (tier.upper_topic ? (limits[place] ?? tier.limit ?? '') : null)
  return {
    input_topic: proposal.input_topic,
    start: 'beginning',
    output_topic: proposal.output_topic,
    tiers: proposal.tiers.map((tier, place) => ({
      result: tier.result,
      model_name: tier.model_name,
      replicas: 1,
      limit: limitOf(tier, place),
      upper_topic: tier.upper_topic,
      upper_bootstrap_servers: '',
      output_bootstrap_servers: '',
      cluster: null,
      gpu: 0,
    })),
  }
}

/** Reads limits from an address: '0.8,,0.9' -> [0.8, undefined, 0.9]. */
export function limitsOf(text: string | undefined): (number | undefined)[] {
  return (text ?? '').split(',').map((part) => {
    const limit = Number(part)
    return part.trim() !== '' && limit >= 0 && limit <= 1 ? limit : undefined
  })
}

export function chainRequest(result: number, form: ChainForm): ChainWriteRequest {
  return {
    result,
    input_topic: form.input_topic,
    ...(form.start === 'beginning' ? {} : { start: form.start }),
    output_topic: form.output_topic,
    tiers: form.tiers.map((tier) => ({
      result: tier.result,
      replicas: tier.replicas === '' ? 1 : tier.replicas,
      ...(tier.limit === null || tier.limit === '' ? {} : { limit: tier.limit }),
      ...(tier.upper_topic ? { upper_topic: tier.upper_topic } : {}),
      ...(tier.upper_bootstrap_servers ? { upper_bootstrap_servers: tier.upper_bootstrap_servers } : {}),
      ...(tier.output_bootstrap_servers ? { output_bootstrap_servers: tier.output_bootstrap_servers } : {}),
      ...(tier.cluster === null ? {} : { cluster: Number(tier.cluster) }),
      ...(tier.gpu ? { gpu: tier.gpu } : {}),
    })),
  }
}

/** The request that checks a record of the input topic, as the lowest tier would read it. */
export function chainCheckOf({ input_topic, tiers: [lowest] }: ChainForm): InputCheckWriteRequest | null {
  return lowest && topicProblem(input_topic) === null ? { result: lowest.result, input_topic } : null
}

/** The options of the command that hold one value per tier, by the name of the sub-model. */
const OF_TIERS = ['replicas', 'upper_bootstrap_servers', 'output_bootstrap_servers', 'cluster', 'gpu'] as const

export function chainEquivalents(request: ChainWriteRequest, form: ChainForm): Equivalents {
  const { tiers = [] } = request
  const nameOf = (result: number) => form.tiers.find((tier) => tier.result === result)?.model_name ?? ''
  const options = [
    `--input ${shellQuote(request.input_topic ?? '')}`,
    `--output ${shellQuote(request.output_topic ?? '')}`,
    ...(request.start ? [`--start ${shellQuote(request.start)}`] : []),
    ...tiers.flatMap(({ limit }) => (limit == null ? [] : [`--limit ${limit}`])),
    ...tiers.flatMap(({ upper_topic }) => (upper_topic ? [`--upper-topic ${shellQuote(upper_topic)}`] : [])),
    ...OF_TIERS.flatMap((name) =>
      tiers
        .filter((tier) => tier[name] != null && !(name === 'replicas' && tier[name] === 1))
        .map((tier) => `--${name.replaceAll('_', '-')} ${shellQuote(`${nameOf(tier.result)}=${tier[name]}`)}`),
    ),
  ]
  return {
    cli: [`kafka-ml inferences create-chain ${request.result}`, ...options].join(' \\\n  '),
    python: pythonCall('client.inferences.create_chain', { ...request }),
    curl: curlCall('POST', '/api/chains/', request),
  }
}

/** Says what pressing the button does. */
export function chainSentence({ input_topic, start, output_topic, tiers }: ChainForm): string {
  const steps = tiers.map(({ model_name, limit, upper_topic }) =>
    limit === null
      ? `${model_name} answers the rest`
      : `${model_name} hands predictions below ${limit || '?'} to ${upper_topic || '?'}`,
  )
  return (
    `${plural(tiers.length, 'inference')} start together: records of ${input_topic || '?'} are read ${startText(start)}; ${steps.join('; ')}. ` +
    `All write to ${output_topic || '?'}; the header kml-tier names the tier. Missing topics are created.`
  )
}

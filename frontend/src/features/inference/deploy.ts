/** The form of a new inference: suggestions, checks before sending, the request and its sentence. */
import type { Inference, InferenceWriteRequest, InputCheckWriteRequest, Visualization } from '~/lib/api'
import { datasetOf } from '~/lib/datasets'
import { curlCall, type Equivalents, pythonCall, shellQuote } from '~/lib/equivalents'
import { plural } from '~/lib/format'

export type InputFormat = Inference['input_format']

/** The format of the samples, where the platform knows it. */
export type FoundFormat = Pick<Inference, 'input_format' | 'input_config'>

/** The topics and limit suggested for the tier of ``result``, so that it fits the served tiers of its chain. */
export interface Suggestion {
  result: number
  input_topic: string
  output_topic: string
  upper_topic: string
  limit: number | ''
}
export const SUGGESTED = ['input_topic', 'output_topic', 'upper_topic', 'limit'] as const

export interface DeployForm {
  result: string | null
  /** The number of the result's version; null for the current one. */
  version: number | null
  input_topic: string
  output_topic: string
  /** Where a group without committed offsets begins: 'beginning', 'now', an offset or a time. */
  start: string
  replicas: number
  /** The most replicas that autoscaling by lag may start; empty turns it off. */
  max_replicas: number | ''
  /** Whether input is read in the format of the stream that trained the model. */
  as_stream: boolean
  input_format: InputFormat
  /** The configuration of the input format, as JSON. */
  input_config: string
  /** Columns and fields of the contract that predictions copy from their records. */
  include: string[]
  output_bootstrap_servers: string
  /** For a tier: records below the limit go to this topic. Both are set or neither. */
  upper_topic: string
  limit: number | ''
  upper_bootstrap_servers: string
  /** The time of predictions: that of their record, or the time of writing. */
  output_timestamps: Inference['output_timestamps']
  gpu: number
  /** The id of another cluster; null for the platform's own. */
  cluster: string | null
  /** The configuration of the live view, as JSON; empty for none. */
  visualization: string
  /** The last suggestion filled in. A field that still equals it follows the result; drafts keep it. */
  suggested: Suggestion | null
}

export const EMPTY_FORM: DeployForm = {
  result: null,
  version: null,
  input_topic: '',
  output_topic: '',
  start: 'beginning',
  replicas: 1,
  max_replicas: '',
  as_stream: true,
  input_format: 'RAW',
  input_config: '{}',
  include: [],
  output_bootstrap_servers: '',
  upper_topic: '',
  limit: '',
  upper_bootstrap_servers: '',
  output_timestamps: 'source',
  gpu: 0,
  cluster: null,
  visualization: '',
  suggested: null,
}

/** The part of a topic's name made from a name: 'My digits (2)' -> 'my-digits-2'. */
export function topicPart(name: string): string {
  const cleaned = name
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/^[-.]+|[-.]+$/g, '')
  return cleaned.slice(0, 200) || 'model'
}

export function suggestedTopics(modelName: string): { input_topic: string; output_topic: string } {
  const part = topicPart(modelName)
  return { input_topic: `${part}-in`, output_topic: `${part}-out` }
}

const TOPIC = /^[a-zA-Z0-9._-]{1,249}$/

/** Why the text is not a valid name of a topic; null if it is one. */
export function topicProblem(topic: string): string | null {
  if (topic === '') return 'Enter a topic'
  if (!TOPIC.test(topic) || topic === '.' || topic === '..') {
    return 'Only letters, digits, dots, underscores and hyphens, at most 249'
  }
  return null
}

/** Errors by field. The rules are those of the API, which has the last word. */
export function checkForm(form: DeployForm): Partial<Record<keyof DeployForm, string>> {
  const problems: Partial<Record<keyof DeployForm, string>> = {}
  const note = (field: keyof DeployForm, message: string | null) => {
    if (message && !problems[field]) problems[field] = message
  }
  if (!form.result) note('result', 'Choose what to serve')
  note('input_topic', topicProblem(form.input_topic))
  note('output_topic', topicProblem(form.output_topic))
  if (form.output_topic.length > 245) note('output_topic', 'At most 245 characters, so that .dlq can follow')
  if (!form.output_bootstrap_servers && form.input_topic) {
    if (form.output_topic === form.input_topic) note('output_topic', 'Must differ from the input topic')
    if (`${form.output_topic}.dlq` === form.input_topic) note('input_topic', 'This topic is for the dead letters')
  }
  note('start', startProblem(form.start))
  if (form.upper_topic) note('upper_topic', topicProblem(form.upper_topic))
  if (form.upper_topic && form.limit === '') note('limit', 'An upper topic needs a limit: records below it go there')
  if (!form.upper_topic && form.limit !== '')
    note('upper_topic', 'A limit needs an upper topic: records below it go there')
  if (form.limit !== '' && (form.limit < 0 || form.limit > 1)) note('limit', 'Between 0 and 1')
  if (form.max_replicas !== '' && form.replicas === 0) note('max_replicas', 'With 0 replicas there is nothing to scale')
  if (form.max_replicas !== '' && form.max_replicas < form.replicas)
    note('max_replicas', 'At least the number of replicas')
  if (!form.as_stream && parseObject(form.input_config) === null) note('input_config', 'Expected a JSON object')
  if (form.visualization.trim() && parseObject(form.visualization) === null) {
    note('visualization', 'Expected a JSON object')
  }
  return problems
}

/** Why the text is not a valid starting point; null if it is one. */
export function startProblem(start: string): string | null {
  if (['beginning', 'now'].includes(start) || /^\d{1,18}$/.test(start)) return null
  const isTime = /^\d{4}-\d\d-\d\d/.test(start) && !Number.isNaN(Date.parse(start))
  return isTime ? null : 'beginning, now, an offset such as 1200, or a time such as 2026-01-31T12:30:00Z'
}

/** A phrase that says where reading begins. */
export function startText(start: string): string {
  if (start === 'beginning') return 'from its first record'
  if (start === 'now') return 'from now on'
  return /^\d+$/.test(start) ? `from offset ${start} of each partition` : `from ${start} on`
}

/** A JSON object, or null for anything else. */
export function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null
  } catch {
    return null
  }
}

/** The request, with only the values that differ from the API's defaults. */
export function requestOf(form: DeployForm): InferenceWriteRequest {
  const visualization = parseObject(form.visualization)
  return {
    result: Number(form.result ?? 0),
    ...(form.version === null ? {} : { version: form.version }),
    input_topic: form.input_topic,
    output_topic: form.output_topic,
    ...(form.start === 'beginning' ? {} : { start: form.start }),
    replicas: form.replicas,
    ...(form.max_replicas === '' ? {} : { max_replicas: form.max_replicas }),
    ...(form.as_stream ? {} : { input_format: form.input_format, input_config: parseObject(form.input_config) ?? {} }),
    ...(form.include.length > 0 ? { include: form.include } : {}),
    ...(form.output_bootstrap_servers ? { output_bootstrap_servers: form.output_bootstrap_servers } : {}),
    ...(form.upper_topic || form.limit !== ''
      ? { upper_topic: form.upper_topic, limit: form.limit === '' ? null : form.limit }
      : {}),
    ...(form.upper_bootstrap_servers ? { upper_bootstrap_servers: form.upper_bootstrap_servers } : {}),
    ...(form.output_timestamps === 'written' ? { output_timestamps: form.output_timestamps } : {}),
    ...(form.gpu > 0 ? { gpu: form.gpu } : {}),
    ...(form.cluster === null ? {} : { cluster: Number(form.cluster) }),
    ...(visualization ? { visualization: visualization as unknown as Visualization } : {}),
  }
}

/** The request that checks a record of the input topic; null while the form is incomplete. */
export function checkOf(form: DeployForm): InputCheckWriteRequest | null {
  const problems = checkForm(form)
  if (problems.result || problems.input_topic || problems.input_config) return null
  const { result, version, input_topic, input_format, input_config, include } = requestOf(form)
  return {
    result,
    input_topic,
    ...(version ? { version } : {}),
    ...(input_format && input_config ? { input_format, input_config } : {}),
    ...(include ? { include } : {}),
  }
}

/** Options of the command whose names differ from the fields. */
const OPTIONS: Record<string, string> = { input_topic: 'input', output_topic: 'output' }

export function equivalentsOf(form: DeployForm): Equivalents {
  const request = requestOf(form)
  const options = Object.entries(request).flatMap(([name, value]) => {
    if (name === 'result' || value === null || value === undefined) return []
    const text = typeof value === 'object' && !Array.isArray(value) ? JSON.stringify(value) : String(value)
    return [`  --${OPTIONS[name] ?? name.replaceAll('_', '-')} ${shellQuote(text)}`]
  })
  const lines = [`kafka-ml inferences create ${request.result || 'RESULT'}`, ...options]
  return {
    cli: lines.join(' \\\n'),
    python: pythonCall('client.inferences.create', { ...request }),
    curl: curlCall('POST', '/api/inferences/', request),
  }
}

/** The texts of the field for included values, shared by the form and the running inference. */
export const INCLUDE_FIELD = {
  label: 'Predictions include',
  description:
    'Columns and fields copied from each input record, for example an id or the time; also fields outside the contract',
  maxTags: 20,
}

export function includeEquivalents(id: number, include: string[]): Equivalents {
  return {
    cli: `kafka-ml inferences include ${id} ${shellQuote(include.join(','))}`,
    python: pythonCall('client.inferences.set_include', { identifier: id, include }),
    curl: curlCall('PATCH', `/api/inferences/${id}/`, { include }),
  }
}

/** The format as text, such as 'RAW uint8, 8 8'; for a data set, its contract. */
export function formatText(format: string, config: Record<string, unknown>): string {
  const origin = datasetOf(config)
  if (origin) return `${format} by the contract of ${origin.name}, version ${origin.version}`
  const parts = [config.data_type, config.data_reshape].filter((setting) => setting !== undefined && setting !== '')
  return parts.length > 0 ? `${format}, ${parts.join(', ')}` : format
}

/** Says what pressing the button does. */
export function sentence(form: DeployForm, modelName: string, found: FoundFormat | undefined): string {
  const config = form.as_stream ? (found?.input_config ?? {}) : (parseObject(form.input_config) ?? {})
  const format = formatText(form.as_stream ? (found?.input_format ?? 'the same format') : form.input_format, config)
  const scales = form.max_replicas !== '' && form.max_replicas > form.replicas
  const count = scales
    ? `${form.replicas} to ${plural(Number(form.max_replicas), 'replica')}`
    : plural(form.replicas, 'replica')
  const verb = form.replicas === 1 && !scales ? 'reads' : 'read'
  const readers =
    form.replicas === 0 ? `External workers that join with a token read` : `${count} of ${modelName} ${verb}`
  const once = form.output_bootstrap_servers || form.upper_bootstrap_servers ? 'at least once' : 'exactly once'
  const answered =
    form.limit === ''
      ? `each record is answered ${once}`
      : `each record goes on ${once}: to ${form.upper_topic || 'the upper topic'} if its prediction is below ${form.limit}, otherwise as a prediction`
  return (
    `${readers} ${form.input_topic || 'the input topic'} as ${format}, ${startText(form.start)}, ` +
    `and ${answered} on ${form.output_topic || 'the output topic'}. ` +
    `Records that cannot be answered are kept in ${form.output_topic || 'the output topic'}.dlq with the reason. ` +
    'Missing topics are created.'
  )
}

/** The number of replicas as text: '3', or '2 to 6, depending on the lag'. */
export function scaleText(inference: Pick<Inference, 'replicas' | 'max_replicas'>): string {
  const { replicas, max_replicas } = inference
  if (replicas === 0) return 'none here: external workers serve it'
  return max_replicas === null ? String(replicas) : `${replicas} to ${max_replicas}, depending on the lag`
}

/** Says how many replicas have work, because each partition is read by one replica. */
export function partitionNote(replicas: number, topic: string, partitions: number | null): string {
  if (partitions === null)
    return `${topic || 'The topic'} does not exist yet: it will be created with ${plural(replicas, 'partition')}.`
  const idle = replicas - partitions
  if (idle > 0) {
    return `${topic} has ${plural(partitions, 'partition')}: ${plural(idle, 'replica')} would have nothing to do.`
  }
  return `${topic} has ${plural(partitions, 'partition')}, shared by ${plural(replicas, 'replica')}.`
}

/**
 * What predictions can copy from the records of a data set: its columns and fields, and what every record has. Null
 * without a contract.
 */
export function includable(config: Record<string, unknown> | undefined): string[] | null {
  const contract = config?.contract as { columns?: { name: string }[]; fields?: { path: string[] }[] } | undefined
  if (!contract) return null
  const names = [
    ...(contract.fields ?? []).map(({ path }) => path.join('.')),
    ...(contract.columns ?? []).map(({ name }) => name),
    '_key',
    '_timestamp',
    '_partition',
    '_offset',
  ]
  return [...new Set(names)]
}

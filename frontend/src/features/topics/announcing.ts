/**
 * Announces a topic's records to a deployment: the request of the form, and the same as a command, as Python and as
 * curl.
 */
import type { Deployment, OfferRequest } from '~/lib/api'
import { curlCall, type Equivalents, pythonCall, shellQuote } from '~/lib/equivalents'

/** The form's values: numbers, or '' for an empty field. */
export interface AnnounceValues {
  partition: string | null
  start: number | string
  end: number | string
  /** For a stream without end: whether it begins with the records that the topic already holds. */
  fromFirst: boolean
  unlabelledTopic: string
  format: OfferRequest['input_format']
  validation: number | string
  test: number | string
}

export const FIRST_VALUES: AnnounceValues = {
  partition: null,
  start: '',
  end: '',
  fromFirst: false,
  unlabelledTopic: '',
  format: 'RAW',
  validation: 0.1,
  test: 0.1,
}

/** The request, with only the values that apply to the deployment. */
export function offerRequest(
  topic: string,
  deployment: Pick<Deployment, 'id' | 'mode' | 'semi_supervised'> | undefined,
  values: AnnounceValues,
  rule: Record<string, unknown>,
): OfferRequest {
  const online = deployment?.mode === 'incremental'
  return {
    deployment: deployment?.id ?? 0,
    topic,
    ...(deployment?.semi_supervised ? { unlabelled_topic: values.unlabelledTopic } : {}),
    ...(online || values.partition === null ? {} : { partition: Number(values.partition) }),
    ...(online || values.start === '' ? {} : { start: Number(values.start) }),
    ...(online || values.end === '' ? {} : { end: Number(values.end) }),
    ...(online && values.fromFirst ? { since_ms: 0 } : {}),
    input_format: values.format,
    input_config: rule,
    validation_rate: Number(values.validation),
    ...(online ? {} : { test_rate: Number(values.test) }),
  }
}

/** The announcement as a command, as Python and as curl. */
export function offerEquivalents(request: OfferRequest): Equivalents {
  const { topic, input_config: config, ...rest } = request
  const options = [
    `--deployment ${request.deployment || 'N'}`,
    ...(request.unlabelled_topic ? [`--unlabelled-topic ${shellQuote(request.unlabelled_topic)}`] : []),
    `--format ${request.input_format}`,
    ...(config && Object.keys(config).length > 0 ? [`--config ${shellQuote(JSON.stringify(config))}`] : []),
    ...(request.partition == null ? [] : [`--partition ${request.partition}`]),
    ...(request.start == null ? [] : [`--from ${request.start}`]),
    ...(request.end == null ? [] : [`--to ${request.end}`]),
    // The date is after 1 January 1970 in every time zone, and before any record.
    ...(request.since_ms == null ? [] : ['--since 1970-01-03']),
    `--validation-rate ${request.validation_rate}`,
    ...(request.test_rate == null ? [] : [`--test-rate ${request.test_rate}`]),
  ]
  return {
    cli: ['kafka-ml streams announce', shellQuote(topic), ...options].join(' '),
    python: pythonCall('client.streams.announce', { topic, ...rest, input_config: config }),
    curl: curlCall('POST', '/api/streams/', request),
  }
}

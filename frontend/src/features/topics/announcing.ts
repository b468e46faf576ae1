/** What announces a topic's records to a deployment: the request that the form makes, and the same without the page. */
import type { Deployment, OfferRequest } from '~/lib/api'
import { curlCall, type Equivalents, pythonCall, shellQuote } from '~/lib/equivalents'

/** As typed: numbers, or nothing. */
export interface AnnounceValues {
  partition: string | null
  start: number | string
  end: number | string
  /** Of a stream without end: whether what the topic holds already belongs to it. */
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

/** The request; of the values only those that the deployment takes. */
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

/** The same announcement without the page. */
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
    // A day after 1970 began in any zone of time, and before any record.
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

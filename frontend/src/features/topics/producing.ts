/** Writing one record as a command, as Python and as curl. */
import type { NewRecordRequest } from '~/lib/api'
import { curlCall, pythonCall, shellQuote } from '~/lib/equivalents'

export function produceEquivalents(topic: string, record: NewRecordRequest) {
  const { key, value, partition } = record
  const headers = Object.fromEntries((record.headers ?? []).map((header) => [header.name, header.value]))
  const options = [
    key != null && `--key ${shellQuote(key)}`,
    ...Object.entries(headers).map(([name, text]) => `--header ${shellQuote(`${name}=${text}`)}`),
    partition != null && `--partition ${partition}`,
    value === null && '--tombstone',
  ].filter((line) => line !== false)
  // '--' ends the options, because a value may begin like one.
  const shown = value === null ? [] : ['--', shellQuote(topic), shellQuote(value)]
  const words = value === null ? [shellQuote(topic), ...options] : [...options, ...shown]
  return {
    cli: ['kafka-ml topics produce', ...words].join(' '),
    python: pythonCall('place = client.topics.produce', {
      name: topic,
      value,
      ...(key != null && { key }),
      ...(Object.keys(headers).length > 0 && { headers }),
      ...(partition != null && { partition }),
    }),
    curl: curlCall('POST', `/api/topics/${encodeURIComponent(topic)}/records/`, record),
  }
}

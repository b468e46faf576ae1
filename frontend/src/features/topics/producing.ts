/** Creating topics and writing records as a command, as Python and as curl. */
import type { NewRecordRequest, NewTopicRequest } from '~/lib/api'
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

export function newTopicEquivalents(topic: NewTopicRequest) {
  const { name, partitions, replication_factor, retention_ms } = topic
  const options = [
    `--partitions ${partitions}`,
    replication_factor != null && `--replication-factor ${replication_factor}`,
    retention_ms != null && `--retention-ms ${retention_ms}`,
  ].filter((option) => option !== false)
  const shown = name === '' ? 'NAME' : name
  return {
    cli: ['kafka-ml topics create', shellQuote(shown), ...options].join(' '),
    python: pythonCall('topic = client.topics.create', { ...topic, name: shown }),
    curl: curlCall('POST', '/api/topics/', { ...topic, name: shown }),
  }
}

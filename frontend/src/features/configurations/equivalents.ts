/** A configuration as a command, as Python and as curl. */
import { curlCall, type Equivalents, pythonCall, shellQuote } from '~/lib/equivalents'
import type { ConfigurationValues } from './ConfigurationForm'

function options({ models, description }: Partial<ConfigurationValues>): string[] {
  return [
    ...(models ?? []).map((id) => `--model ${id}`),
    ...(description ? [`--description ${shellQuote(description)}`] : []),
  ]
}

export function createEquivalents(values: ConfigurationValues): Equivalents {
  return {
    cli: ['kafka-ml configurations create', shellQuote(values.name || 'NAME'), ...options(values)].join(' '),
    python: pythonCall('client.configurations.create', {
      name: values.name,
      models: values.models,
      description: values.description || undefined,
    }),
    curl: curlCall('POST', '/api/configurations/', values),
  }
}

/** The update of a configuration. It sends all fields, the unchanged ones too. */
export function updateEquivalents(id: number, values: ConfigurationValues): Equivalents {
  return {
    cli: ['kafka-ml configurations update', id, '--name', shellQuote(values.name), ...options(values)].join(' '),
    python: pythonCall('client.configurations.update', { ...values }).replace('update(\n', `update(\n    ${id},\n`),
    curl: curlCall('PATCH', `/api/configurations/${id}/`, values),
  }
}

export function objectEquivalents(id: number): Equivalents {
  return {
    cli: `kafka-ml configurations show ${id}`,
    python: `from kafkaml.sdk import Client\n\nclient = Client()\nconfiguration = client.configurations.get(${id})\nprint(configuration.models)`,
    curl: curlCall('GET', `/api/configurations/${id}/`),
  }
}

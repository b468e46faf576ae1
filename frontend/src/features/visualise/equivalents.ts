/** Configuring the view as a command, as Python and as curl. */
import type { VisualizationRequest } from '~/lib/api'
import { curlCall, type Equivalents, pythonLiteral, shellQuote } from '~/lib/equivalents'

export function equivalentsOf(inference: number, config: VisualizationRequest | null): Equivalents {
  const json = JSON.stringify(config, null, 2)
  return {
    cli: `kafka-ml inferences view ${inference} ${shellQuote(json)}`,
    python: [
      'from kafkaml.sdk import Client',
      '',
      'client = Client()',
      `client.inferences.set_view(${inference}, ${pythonLiteral(config)})`,
    ].join('\n'),
    curl: curlCall('PATCH', `/api/inferences/${inference}/`, { visualization: config }),
  }
}

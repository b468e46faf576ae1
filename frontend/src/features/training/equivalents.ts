/** Reading runs as a command, as Python and as curl. */
import { curlCall, type Equivalents } from '~/lib/equivalents'

export function compareEquivalents(ids: readonly number[]): Equivalents {
  return {
    cli: ids.map((id) => `kafka-ml results show ${id} --json`).join('\n'),
    python: [
      'from kafkaml.sdk import Client',
      '',
      'client = Client()',
      `for result in map(client.results.get, [${ids.join(', ')}]):`,
      '    print(result.id, result.model_name, result.test_metrics)',
    ].join('\n'),
    curl: ids.map((id) => curlCall('GET', `/api/results/${id}/`)).join('\n'),
  }
}

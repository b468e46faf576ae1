/** The actions on a result as a command, as Python and as curl. */
import type { Equivalents } from '~/components/CopyAs'
import { curlCall } from '~/lib/equivalents'

const CLIENT = 'from kafkaml.sdk import Client\n\nclient = Client()\n'

export function showEquivalents(id: number): Equivalents {
  return {
    cli: [
      `kafka-ml results show ${id}`,
      `kafka-ml results logs ${id}`,
      `kafka-ml results download ${id} --to result-${id}`,
    ].join('\n'),
    python: `from pathlib import Path\n\n${CLIENT}result = client.results.get(${id})\nprint(result.state, result.test_metrics)\nclient.results.download(${id}, Path("result-${id}"))`,
    curl: curlCall('GET', `/api/results/${id}/`),
  }
}

export function restartEquivalents(id: number, stream: number | null, resume: boolean): Equivalents {
  const options = [stream === null ? '' : ` --stream ${stream}`, resume ? ' --resume' : '']
  const values = [stream === null ? '' : `, stream=${stream}`, resume ? ', resume=True' : '']
  return {
    cli: `kafka-ml results restart ${id}${options.join('')}`,
    python: `${CLIENT}client.results.restart(${id}${values.join('')})`,
    curl: curlCall('POST', `/api/results/${id}/restart/`, { stream, resume }),
  }
}

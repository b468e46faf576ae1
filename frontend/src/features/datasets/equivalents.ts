/** Actions on data sets as a command, as Python and as curl. */
import type { DatasetVersionWriteRequest, SliceRequest } from '~/lib/api'
import { curlCall, type Equivalents, pythonCall, shellQuote } from '~/lib/equivalents'

export function listEquivalents(kind?: string): Equivalents {
  return {
    cli: `kafka-ml datasets list${kind ? ` --kind ${kind}` : ''}`,
    python: `from kafkaml.sdk import Client\n\nclient = Client()\nfor entry in client.datasets.catalog(${kind ? `kind="${kind}"` : ''}):\n    print(entry.kind, entry.id, entry.name, entry.records)`,
    curl: curlCall('GET', `/api/datasets/catalog/${kind ? `?kind=${kind}` : ''}`),
  }
}

export function objectEquivalents(id: number): Equivalents {
  return {
    cli: `kafka-ml datasets show ${id}`,
    python: `from kafkaml.sdk import Client\n\nclient = Client()\ndataset = client.datasets.get(${id})\nprint(dataset.versions[0].contract)`,
    curl: curlCall('GET', `/api/datasets/${id}/`),
  }
}

export function trainEquivalents(id: number, version: number, deployment: string): Equivalents {
  const body = { deployment: Number(deployment) || 0, version }
  return {
    cli: `kafka-ml datasets train ${id} --deployment ${deployment || 'N'} --version ${version}`,
    python: pythonCall('client.datasets.train', { identifier: id, ...body }),
    curl: curlCall('POST', `/api/datasets/${id}/train/`, body),
  }
}

/**
 * Creates a data set or, with ``from``, another version of that data set. The command reads the contract from a file.
 */
export function createEquivalents(
  request: DatasetVersionWriteRequest & { name?: string; description?: string },
  from: number | undefined,
): Equivalents {
  const { slice, contract, name, description, ...rates } = request
  const { topic, ...part } = slice
  const subject = from === undefined ? `create ${shellQuote(name || 'NAME')}` : `add-version ${from}`
  const options = [
    '--contract contract.json',
    ...(description ? [`--description ${shellQuote(description)}`] : []),
    ...sliceOptions(part),
    `--validation-rate ${rates.validation_rate}`,
    `--test-rate ${rates.test_rate}`,
  ]
  const file = `cat > contract.json <<'END'\n${JSON.stringify(contract, null, 2)}\nEND`
  const given = Object.fromEntries(Object.entries(part).filter(([, value]) => value != null))
  const { since, until, ...offsets } = given
  const times = Object.entries({ since, until })
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `    ${key}=datetime.fromisoformat("${String(value).replace('Z', '+00:00')}"),`)
  const call = pythonCall(
    from === undefined ? 'dataset = client.datasets.create' : 'version = client.datasets.add_version',
    {
      ...(from === undefined ? { name, description: description || undefined } : { identifier: from }),
      topic,
      ...offsets,
      contract,
      ...rates,
    },
  )
  return {
    cli: `${file}\n${[`kafka-ml datasets ${subject} ${shellQuote(topic)}`, ...options].join(' \\\n  ')}`,
    python: times.length > 0 ? `from datetime import datetime\n${call.slice(0, -1)}${times.join('\n')}\n)` : call,
    curl: curlCall('POST', from === undefined ? '/api/datasets/' : `/api/datasets/${from}/versions/`, request),
  }
}

function sliceOptions({
  since,
  until,
  partition,
  start,
  end,
  online,
  fit_records,
}: Omit<SliceRequest, 'topic'>): string[] {
  return [
    ...(online ? ['--online'] : []),
    ...(fit_records == null ? [] : [`--fit-records ${fit_records}`]),
    ...(since ? [`--since ${since.replace(/\.\d+Z$|Z$/, '')}`] : []),
    ...(until ? [`--until ${until.replace(/\.\d+Z$|Z$/, '')}`] : []),
    ...(partition == null ? [] : [`--partition ${partition}`]),
    ...(start == null ? [] : [`--start ${start}`]),
    ...(end == null ? [] : [`--end ${end}`]),
  ]
}

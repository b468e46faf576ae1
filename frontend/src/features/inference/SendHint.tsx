/** How samples are sent to an inference: a file of arrays, or records that the contract of its data set reads. */
import { Code, Stack } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { SmallPrint } from '~/components/Dimmed'
import { type Contract, topicsRecordsListOptions } from '~/lib/api'
import { exampleRecord } from '~/lib/datasets'
import { shellQuote } from '~/lib/equivalents'
import { parseRanges } from '~/lib/ranges'

export function SendHint({
  topic,
  contract,
  ranges,
}: {
  topic: string
  contract: Contract | null
  /** Of the records that the contract was learnt from. */
  ranges: string
}) {
  if (contract !== null) return <RecordHint topic={topic} contract={contract} ranges={ranges} />
  return (
    <SmallPrint>
      Send samples with <Code>kafka-ml send FILE --topic {topic || 'TOPIC'}</Code>
    </SmallPrint>
  )
}

function RecordHint({ topic, contract, ranges }: { topic: string; contract: Contract; ranges: string }) {
  const [first] = parseRanges(ranges)
  const json = contract.format === 'JSON'
  const page = useQuery({
    ...topicsRecordsListOptions({
      path: { name: first?.topic ?? '' },
      query: { partition: first?.partition ?? 0, start: String(first?.start ?? 0), limit: 1, decoder: 'json' },
    }),
    enabled: json && first !== undefined,
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  })
  const where = <Code>{topic || 'TOPIC'}</Code>
  if (!json) {
    const names = contract.fields.map(({ path }) => path.join('.')).join(', ')
    return (
      <SmallPrint>
        Write {contract.format} records{names && ` with the fields ${names}`} to {where}
      </SmallPrint>
    )
  }
  const record = JSON.stringify(exampleRecord(contract, parsed(page.data?.records[0]?.decoded.text)))
  const { window } = contract
  return (
    <Stack gap={4} maw={720}>
      <SmallPrint>
        Write JSON records to {where}
        {window && `, with the same key for the same source: a prediction needs ${window.length} of them`}. Such as:
      </SmallPrint>
      <Code block aria-label="A valid record" style={{ maxHeight: 160, overflow: 'auto' }}>
        {record}
      </Code>
      {!window && (
        <SmallPrint>
          Once it is running: <Code>kafka-ml inferences try ID {shellQuote(record)}</Code>
        </SmallPrint>
      )}
    </Stack>
  )
}

function parsed(text: string | null | undefined): unknown {
  try {
    return JSON.parse(text ?? '')
  } catch {
    return null
  }
}

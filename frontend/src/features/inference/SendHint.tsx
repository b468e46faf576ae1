/** How to send samples to an inference: a file of arrays, or records that fit the contract of its data set. */
import { Code, Stack } from '@mantine/core'
import { SmallPrint } from '~/components/Dimmed'
import type { Contract } from '~/lib/api'
import { shellQuote } from '~/lib/equivalents'
import { useExampleRecord } from './useExampleRecord'

export function SendHint({
  topic,
  contract,
  ranges,
}: {
  topic: string
  contract: Contract | null
  /** The ranges of the records from which the contract was learnt. */
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
  const example = useExampleRecord(contract, ranges)
  const where = <Code>{topic || 'TOPIC'}</Code>
  if (contract.format !== 'JSON') {
    const names = contract.fields.map(({ path }) => path.join('.')).join(', ')
    return (
      <SmallPrint>
        Write {contract.format} records{names && ` with the fields ${names}`} to {where}
      </SmallPrint>
    )
  }
  const record = JSON.stringify(example)
  const { window } = contract
  return (
    <Stack gap={4} maw={720}>
      <SmallPrint>
        Write JSON records to {where}
        {window && `, with the same key for the same source: a prediction needs ${window.length} of them`}. Such as:
      </SmallPrint>
      <Code
        block
        tabIndex={0}
        aria-label="A valid record"
        style={{ maxHeight: 160, overflow: 'auto', whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}
      >
        {record}
      </Code>
      {!window && (
        <SmallPrint>
          Once it is running:{' '}
          <Code style={{ overflowWrap: 'anywhere' }}>kafka-ml inferences try ID {shellQuote(record)}</Code>
        </SmallPrint>
      )}
    </Stack>
  )
}

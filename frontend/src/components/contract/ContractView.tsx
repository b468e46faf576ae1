/** A contract: in words, then column by column. */
import { Code, Stack, Text } from '@mantine/core'
import { Facts } from '~/components/Facts'
import { RowTable } from '~/components/RowTable'
import type { Contract } from '~/lib/api'
import { formatShape } from '~/lib/format'
import { contractSentences, ENCODINGS, missingWords, SCALINGS } from './words'

export function ContractView({ contract }: { contract: Contract }) {
  const named = contract.columns.some((each) => each.input !== '')
  return (
    <Stack gap="md">
      <Facts facts={contractSentences(contract)} />
      <RowTable
        label="Columns of a sample"
        minWidth={640}
        maw={1040}
        rows={contract.columns}
        rowKey={(each) => each.name}
        columns={[
          { title: 'Column', rowHead: true, cell: (each) => each.name, td: { maw: 220, style: WRAP } },
          { title: 'Expression', cell: (each) => <Expression text={each.expression} />, td: { maw: 360 } },
          {
            title: 'Becomes',
            cell: (each) => `${ENCODINGS[each.encoding]}${each.shape.length > 0 ? `, ${formatShape(each.shape)}` : ''}`,
          },
          { title: 'Scaled', cell: (each) => SCALINGS[each.scaling] },
          { title: 'If missing', cell: missingWords },
          named && { title: 'Input', cell: (each) => each.input },
        ]}
      />
      {contract.labels.length > 0 && (
        <RowTable
          label="Labels"
          minWidth={420}
          maw={720}
          rows={contract.labels}
          rowKey={(each) => each.name}
          columns={[
            { title: 'Label', rowHead: true, cell: (each) => each.name, td: { maw: 220, style: WRAP } },
            { title: 'Expression', cell: (each) => <Expression text={each.expression} />, td: { maw: 360 } },
            { title: 'Kind', cell: (each) => kindWords(each) },
          ]}
        />
      )}
    </Stack>
  )
}

function kindWords({ kind, classes }: Contract['labels'][number]): string {
  if (kind !== 'class') return 'a number'
  return classes.length > 0 ? `a class: ${classes.join(', ')}` : 'a class'
}

const WRAP = { overflowWrap: 'anywhere' } as const

function Expression({ text }: { text: string }) {
  return (
    <Text size="sm" component="span" style={WRAP}>
      <Code>{text}</Code>
    </Text>
  )
}

/** A contract: in words, then column by column. */
import { Code, Stack, Text } from '@mantine/core'
import { Facts } from '~/components/Facts'
import { RowTable } from '~/components/RowTable'
import type { Contract } from '~/lib/api'
import { formatShape } from '~/lib/format'
import { contractSentences, ENCODINGS, missingWords, SCALINGS } from './words'

export function ContractView({ contract }: { contract: Contract }) {
  const named = contract.columns.some((column) => column.input !== '')
  return (
    <Stack gap="md">
      <Facts facts={contractSentences(contract)} />
      <RowTable
        label="Columns of a sample"
        minWidth={640}
        maw={1040}
        rows={contract.columns}
        rowKey={(column) => column.name}
        columns={[
          { title: 'Column', rowHead: true, cell: (column) => column.name, td: { maw: 220, style: WRAP } },
          { title: 'Expression', cell: (column) => <Expression text={column.expression} />, td: { maw: 360 } },
          {
            title: 'Becomes',
            cell: (column) =>
              `${ENCODINGS[column.encoding]}${column.shape.length > 0 ? `, ${formatShape(column.shape)}` : ''}`,
          },
          { title: 'Scaled', cell: (column) => SCALINGS[column.scaling] },
          { title: 'If missing', cell: missingWords },
          named && { title: 'Input', cell: (column) => column.input },
        ]}
      />
      {contract.labels.length > 0 && (
        <RowTable
          label="Labels"
          minWidth={420}
          maw={720}
          rows={contract.labels}
          rowKey={(label) => label.name}
          columns={[
            { title: 'Label', rowHead: true, cell: (label) => label.name, td: { maw: 220, style: WRAP } },
            { title: 'Expression', cell: (label) => <Expression text={label.expression} />, td: { maw: 360 } },
            { title: 'Kind', cell: (label) => kindWords(label) },
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

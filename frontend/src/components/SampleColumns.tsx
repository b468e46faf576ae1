/** Samples that are rows of a table: a named column for each number, and what is known of each column. */
import { Button, Group, Stack } from '@mantine/core'
import { useState } from 'react'
import type { Preview, PreviewColumn } from '~/lib/api'
import { formatCount, formatExact, formatMetric, formatPercent, formatValue, plural } from '~/lib/format'
import { KINDS } from './contract/words'
import { SmallPrint } from './Dimmed'
import { Histogram } from './Histogram'
import { type Column, RowTable } from './RowTable'
import type { SampleData } from './SampleView'

/** The most columns that a reader can use side by side. */
export const MOST_COLUMNS = 40
/** The most columns whose statistics are shown at first. */
const MOST_STATISTICS = 12
const MOST_CLASSES = 12

/** The width in pixels that these columns add to a table. */
export function columnsWidth(names: readonly string[]): number {
  return 76 * Math.min(names.length, MOST_COLUMNS)
}

/** A column of a RowTable for each of ``names``; ``sampleOf`` gives null for a row without a sample. */
export function sampleColumns<Row>(
  names: readonly string[],
  sampleOf: (row: Row) => Pick<SampleData, 'values'> | null,
): Column<Row>[] {
  return names.slice(0, MOST_COLUMNS).map((name, place) => ({
    title: name,
    right: true,
    cell: (row) => {
      const values = sampleOf(row)?.values
      return values && formatValue(values[place] ?? null)
    },
  }))
}

/** Statistics of the columns and labels of a stream, computed from a part of its records. */
export function ColumnStatistics({ statistics }: { statistics: Preview }) {
  const columns = statistics.columns.filter((column) => column.place.startsWith('columns.'))
  const label = statistics.columns.find((column) => column.place.startsWith('labels.'))
  if (columns.length === 0 && !label) return null
  const { sampled, records } = statistics
  return (
    <Stack gap="xs">
      {columns.length > 0 && <StatisticsTable columns={columns} />}
      {label && <LabelBalance label={label} balance={statistics.balance} />}
      <SmallPrint>
        {sampled < records
          ? `Of ${plural(sampled, 'record')} spread over ${formatExact(records)}.`
          : `Of all ${plural(sampled, 'record')}.`}
      </SmallPrint>
    </Stack>
  )
}

function StatisticsTable({ columns }: { columns: readonly PreviewColumn[] }) {
  const [all, setAll] = useState(false)
  const shown = all ? columns : columns.slice(0, MOST_STATISTICS)
  const rest = columns.length - shown.length
  const number = (title: string, value: (column: PreviewColumn) => number | undefined): Column<PreviewColumn> => ({
    title,
    right: true,
    cell: (column) => formatMetric(value(column)),
  })
  return (
    <>
      <RowTable
        label="Columns of the samples"
        minWidth={620}
        rows={shown}
        rowKey={(column) => column.place}
        columns={[
          {
            title: 'Column',
            rowHead: true,
            cell: (column) => (
              <span style={{ overflowWrap: 'anywhere' }}>
                {column.name} {column.kind && <SmallPrint span>{KINDS[column.kind]}</SmallPrint>}
              </span>
            ),
            td: { miw: 130 },
          },
          number('Min', (column) => column.numbers?.min),
          number('Mean', (column) => column.numbers?.mean),
          number('Max', (column) => column.numbers?.max),
          { title: 'Missing', right: true, cell: (column) => formatPercent(column.missing) },
          { title: 'Distinct', right: true, cell: (column) => formatCount(column.distinct) },
          {
            title: 'Values',
            cell: (column) => <Histogram label={column.name} numbers={column.numbers} top={column.top} />,
          },
        ]}
      />
      {rest > 0 && (
        <Group>
          <Button size="compact-xs" variant="subtle" onClick={() => setAll(true)}>
            Show {formatCount(rest)} more
          </Button>
        </Group>
      )}
    </>
  )
}

function LabelBalance({ label, balance }: { label: PreviewColumn; balance: Preview['balance'] }) {
  return (
    <div>
      <SmallPrint>
        {balance.length > 0 ? 'Labels' : 'Label'}
        {label.missing > 0 && `, ${formatPercent(label.missing)} missing`}
      </SmallPrint>
      <Histogram
        label={balance.length > 0 ? 'Balance of the labels' : 'Values of the label'}
        numbers={label.numbers}
        top={balance.length > 0 ? balance : label.top}
        most={MOST_CLASSES}
      />
    </div>
  )
}

/** A table of one row per thing, in a ScrollTable, of cards on a phone: what its columns show is said once. */
import { Table, type TableTdProps, type TableTrProps } from '@mantine/core'
import { Fragment, type ReactNode } from 'react'
import { ScrollTable, type ScrollTableProps } from './ScrollTable'

export interface Column<Row> {
  title: ReactNode
  /** The title in words, where ``title`` is not a text. */
  name?: string | undefined
  cell: (row: Row) => ReactNode
  /** Numbers, which are easier to compare when they end together. */
  right?: boolean
  /** Its cells head their rows. */
  rowHead?: boolean
  w?: number | string
  td?: Pick<TableTdProps, 'maw' | 'miw' | 'style'>
}

export interface RowTableProps<Row> extends Omit<ScrollTableProps, 'children'> {
  caption?: string
  rows: readonly Row[]
  rowKey: (row: Row, index: number) => string | number
  rowProps?: (row: Row) => TableTrProps
  /** False and undefined are left out. */
  columns: readonly (Column<Row> | false | undefined)[]
}

export function RowTable<Row>({ caption, rows, rowKey, rowProps, columns, ...table }: RowTableProps<Row>) {
  const shown = columns.filter((column) => !!column)
  // Columns keep their places, so a place is their key.
  const cells = (render: (column: Column<Row>) => ReactNode) =>
    shown.map((column, place) => <Fragment key={place.toString()}>{render(column)}</Fragment>)
  return (
    // Tables that fit any width stay tables.
    <ScrollTable cards={table.minWidth > 0} {...table}>
      {caption && <Table.Caption>{caption}</Table.Caption>}
      <Table.Thead>
        <Table.Tr>
          {cells(({ title, right, w }) => (
            <Table.Th {...(right && { ta: 'right' })} {...(w && { w })}>
              {title}
            </Table.Th>
          ))}
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {rows.map((row, index) => (
          <Table.Tr key={rowKey(row, index)} {...rowProps?.(row)}>
            {cells(({ title, name, cell, right, rowHead, td }) =>
              rowHead ? (
                <Table.Th scope="row" fw={500} {...td}>
                  {cell(row)}
                </Table.Th>
              ) : (
                <Table.Td {...titled(name ?? title)} {...(right && { ta: 'right' })} {...td}>
                  {cell(row)}
                </Table.Td>
              ),
            )}
          </Table.Tr>
        ))}
      </Table.Tbody>
    </ScrollTable>
  )
}

/** What heads a cell where its row is a card. */
export function titled(title: ReactNode) {
  return typeof title === 'string' && title !== '' ? { 'data-title': title } : {}
}

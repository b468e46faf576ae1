/** A table with one row per object, shown as cards on a phone. Each column is described once for both. */
import { Table, type TableTdProps, type TableTrProps } from '@mantine/core'
import { Fragment, type ReactNode } from 'react'
import classes from './cards.module.css'
import { ScrollTable, type ScrollTableProps } from './ScrollTable'

export interface Column<Row> {
  title: ReactNode
  /** The title as text, when ``title`` is not a text. */
  name?: string | undefined
  cell: (row: Row) => ReactNode
  /** Aligns the cells to the right, so that numbers are easy to compare. */
  right?: boolean
  /** Whether the cells of this column are the headings of their rows. */
  rowHead?: boolean
  w?: number | string
  /** The distance in pixels from the left edge at which the column stays when the others scroll. */
  pinnedAt?: number
  td?: Pick<TableTdProps, 'maw' | 'miw' | 'style'>
}

export interface RowTableProps<Row> extends Omit<ScrollTableProps, 'children'> {
  caption?: string
  rows: readonly Row[]
  rowKey: (row: Row, index: number) => string | number
  rowProps?: (row: Row) => TableTrProps
  /** The columns; false and undefined entries are left out. */
  columns: readonly (Column<Row> | false | undefined)[]
}

export function RowTable<Row>({ caption, rows, rowKey, rowProps, columns, ...table }: RowTableProps<Row>) {
  const shown = columns.filter((column) => !!column)
  // The order of the columns never changes, so the index serves as key.
  const cells = (render: (column: Column<Row>) => ReactNode) =>
    shown.map((column, place) => <Fragment key={place.toString()}>{render(column)}</Fragment>)
  return (
    // A table that fits any width stays a table on a phone.
    <ScrollTable cards={table.minWidth > 0} {...table}>
      {caption && <Table.Caption>{caption}</Table.Caption>}
      <Table.Thead>
        <Table.Tr>
          {cells(({ title, right, w, pinnedAt }) => (
            <Table.Th {...(right && { ta: 'right' })} {...(w && { w })} {...pinned(pinnedAt)}>
              {title}
            </Table.Th>
          ))}
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {rows.map((row, index) => (
          <Table.Tr key={rowKey(row, index)} {...rowProps?.(row)}>
            {cells(({ title, name, cell, right, rowHead, pinnedAt, td }) =>
              rowHead ? (
                <Table.Th scope="row" fw={500} {...td}>
                  {cell(row)}
                </Table.Th>
              ) : (
                <Table.Td {...titled(name ?? title)} {...(right && { ta: 'right' })} {...td} {...pinned(pinnedAt)}>
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

/** The props that give a cell its heading when its row is a card. */
export function titled(title: ReactNode) {
  return typeof title === 'string' && title !== '' ? { 'data-title': title } : {}
}

function pinned(left: number | undefined) {
  return left === undefined ? {} : { className: classes.pinned, style: { left } }
}

/** A table of objects, of cards on a phone, whose rows lead to their pages. */
import 'mantine-datatable/styles.css'
import { DataTable, type DataTableColumn, type DataTableProps } from 'mantine-datatable'
import { capital } from '~/lib/format'
import classes from './cards.module.css'
import { titled } from './RowTable'
import { type SortDirection, SortTitle } from './SortTitle'

/** The column that the table is sorted by, named by its accessor, and the direction. */
export interface Sorting {
  column: string
  direction: SortDirection
}

type ObjectTableProps<Row> = Omit<DataTableProps<Row>, 'onRowClick' | 'sortStatus' | 'onSortStatusChange'> & {
  records: Row[]
  sorting?: Sorting | undefined
  onSort?: ((sorting: Sorting) => void) | undefined
  onRowClick?: ((row: Row) => void) | undefined
}

/** The title of a column, by the table's own rule when the column gives none. */
function titleOf<Row>({ title, accessor }: DataTableColumn<Row>) {
  if (title !== undefined) return title
  const words = String(accessor).replace(/[._]/g, ' ')
  return capital(words)
}

export function ObjectTable<Row extends { id: number }>({
  onRowClick,
  sorting,
  onSort,
  ...props
}: ObjectTableProps<Row>) {
  const headed = (column: DataTableColumn<Row>) => {
    const name = String(column.accessor)
    if (!column.sortable || !onSort) return { sortable: false }
    return {
      sortable: false,
      title: (
        <SortTitle
          title={titleOf(column)}
          sorted={sorting?.column === name ? sorting.direction : null}
          onSort={(direction) => onSort({ column: name, direction })}
        />
      ),
      titleClassName: classes.sort,
    }
  }
  // The library puts its text for an empty table, invisibly, below every full table as well. Screen readers would read
  // it, so a full table gets an empty text.
  const empty = props.records.length > 0 ? { emptyState: <span />, noRecordsText: undefined } : {}
  const table = {
    withTableBorder: true,
    borderRadius: 'sm',
    highlightOnHover: true,
    verticalSpacing: 6,
    horizontalSpacing: 8,
    fz: 'sm',
    minHeight: props.records.length === 0 ? 180 : 0,
    loaderBackgroundBlur: 0,
    idAccessor: 'id',
    ...(onRowClick && {
      onRowClick: ({ record, event }: { record: Row; event: React.MouseEvent }) => {
        // A click on a link, button or field in a row does only what that element does.
        if (!(event.target as HTMLElement).closest('a, button, input, label')) onRowClick(record)
      },
    }),
    ...props,
    ...empty,
    className: classes.container,
    classNames: { table: `${classes.cards} ${classes.sortable}` },
    columns: props.columns?.map((column) => ({
      ...column,
      ...headed(column),
      customCellAttributes: () => titled(titleOf(column)),
    })),
  } as unknown as DataTableProps<Row>
  return <DataTable<Row> {...table} />
}

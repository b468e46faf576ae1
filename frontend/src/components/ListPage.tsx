/** The frame of every list: title, filter line, table with state in the address, batch actions, an empty state. */
import { Box, Button, Group, Pagination, Stack, Text } from '@mantine/core'
import type { UseQueryResult } from '@tanstack/react-query'
import type { DataTableColumn } from 'mantine-datatable'
import type { ReactNode } from 'react'
import { plural } from '~/lib/format'
import { type ListSearch, PAGE_SIZE } from '~/lib/listSearch'
import { ColumnMenu, useColumnChoice } from './ColumnMenu'
import { Dimmed } from './Dimmed'
import { ObjectTable } from './ObjectTable'
import { PageTitle } from './PageTitle'
import { ProblemAlert } from './ProblemAlert'
import { SearchField } from './SearchField'

export { PageTitle }

export interface ListPageProps<Row extends { id: number }> {
  title: string
  /** One line under the title that says what the rows are. */
  description?: ReactNode
  /** The key under which the reader's choice of columns is stored; unique per list. */
  storeKey: string
  /** Primary actions, right of the title. */
  actions?: ReactNode
  /** A switch between views of the same room, under the title. */
  views?: ReactNode
  /** Further filters, right of the search field. */
  filters?: ReactNode
  list: UseQueryResult<{ results: Row[]; count: number }, unknown>
  columns: DataTableColumn<Row>[]
  search: ListSearch
  onSearch: (change: ListSearch) => void
  /** Shown in place of the table when it has no rows and no filter is set. */
  empty: ReactNode
  /** Whether filters other than the search text are set. */
  filtered?: boolean
  onRowClick?: (row: Row) => void
  /** The selected rows and the actions on them. */
  selected?: Row[]
  onSelect?: (rows: Row[]) => void
  batchActions?: ReactNode
  searchable?: boolean
  rowLabel?: (row: Row) => string
  /** Identifies a row in a list whose ids are of several kinds. */
  rowKey?: (row: Row) => string
}

export function ListPage<Row extends { id: number }>(props: ListPageProps<Row>) {
  const { list, search, onSearch, columns, selected, onSelect } = props
  const rows = list.data?.results
  const count = list.data?.count
  const chosen = useColumnChoice(props.storeKey, columns)
  const page = search.page ?? 1
  const nothingAtAll = rows?.length === 0 && page === 1 && !search.q && !props.filtered
  return (
    <Stack gap="md">
      <PageTitle title={props.title} description={props.description} actions={props.actions} />
      {props.views}
      <ProblemAlert error={list.error} onRetry={() => void list.refetch()} />
      {nothingAtAll ? (
        props.empty
      ) : (
        <>
          <Group gap="sm">
            {props.searchable !== false && <SearchField value={search.q ?? ''} onChange={(q) => onSearch({ q })} />}
            {props.filters}
            {selected && selected.length > 0 && (
              <Group gap="xs" role="group" aria-label="Selected rows">
                <Text size="sm">{selected.length} selected</Text>
                {props.batchActions}
                <Button size="xs" variant="subtle" color="gray" onClick={() => onSelect?.([])}>
                  Clear
                </Button>
              </Group>
            )}
            <Box flex={1} />
            {count !== undefined && <Dimmed>{plural(count, 'row')}</Dimmed>}
            <ColumnMenu choice={chosen} />
          </Group>
          <ObjectTable<Row>
            records={rows ?? []}
            fetching={list.isPending}
            columns={chosen.shown}
            noRecordsText={list.isError ? 'Not loaded' : 'Nothing matches the filter'}
            onRowClick={props.onRowClick}
            {...(props.rowKey && { idAccessor: props.rowKey })}
            {...(selected && onSelect
              ? {
                  selectedRecords: selected,
                  onSelectedRecordsChange: onSelect,
                  getRecordSelectionCheckboxProps: (record: Row) => ({
                    'aria-label': `Select ${props.rowLabel?.(record) ?? record.id}`,
                  }),
                  allRecordsSelectionCheckboxProps: { 'aria-label': 'Select all rows on this page' },
                }
              : {})}
            sorting={
              search.sort
                ? { column: search.sort.replace(/^-/, ''), direction: search.sort.startsWith('-') ? 'desc' : 'asc' }
                : undefined
            }
            onSort={({ column, direction }) =>
              onSearch({ sort: `${direction === 'desc' ? '-' : ''}${column}`, page: undefined })
            }
          />
          {(count ?? 0) > PAGE_SIZE && (
            <Pagination
              size="sm"
              total={Math.ceil((count ?? 0) / PAGE_SIZE)}
              value={page}
              onChange={(next) => onSearch({ page: next === 1 ? undefined : next })}
              getControlProps={(control) => ({ 'aria-label': `${control} page` })}
            />
          )}
        </>
      )}
    </Stack>
  )
}

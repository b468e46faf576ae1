import { fireEvent, screen, within } from '@testing-library/react'
import axe from 'axe-core'
import { expect, test } from 'vitest'
import { show } from '~/testing/page'
import { ObjectTable, type Sorting } from './ObjectTable'

const COLUMNS = [{ accessor: 'name' }]

test('words for an empty table are there in an empty one alone', async () => {
  const { unmount } = await show(
    <ObjectTable records={[{ id: 1, name: 'first run' }]} columns={COLUMNS} noRecordsText="No such runs" />,
  )
  expect(await screen.findByText('first run')).toBeInTheDocument()
  expect(screen.queryByText('No such runs')).toBeNull()
  unmount()
  await show(<ObjectTable records={[]} columns={COLUMNS} noRecordsText="No such runs" />)
  expect(await screen.findByText('No such runs')).toBeInTheDocument()
})

test('a column that rows are sorted by is a heading with a button in it, and says how', async () => {
  const sorts: Sorting[] = []
  const table = (direction: 'asc' | 'desc') => (
    <ObjectTable
      records={[{ id: 1, name: 'first run', age: 3 }]}
      columns={[
        { accessor: 'name', sortable: true },
        { accessor: 'age', sortable: true, title: 'Age in days' },
        { accessor: 'id' },
      ]}
      sorting={{ column: 'name', direction }}
      onSort={(sorting) => sorts.push(sorting)}
    />
  )
  const { unmount } = await show(table('asc'))
  const [name, age, id] = await screen.findAllByRole('columnheader')
  expect(name).toHaveAttribute('aria-sort', 'ascending')
  for (const other of [age, id]) expect(other).not.toHaveAttribute('aria-sort')
  expect(within(id as HTMLElement).queryByRole('button')).toBeNull()
  fireEvent.click(screen.getByRole('button', { name: 'Name' }))
  fireEvent.click(screen.getByRole('button', { name: 'Age in days' }))
  expect(sorts).toEqual([
    { column: 'name', direction: 'desc' },
    { column: 'age', direction: 'asc' },
  ])
  const found = await axe.run(document.body, { runOnly: ['wcag2a', 'wcag21a', 'wcag22aa'] })
  expect(found.violations.map((violation) => violation.id)).toEqual([])
  unmount()
  await show(table('desc'))
  expect(await screen.findByRole('columnheader', { name: 'Name' })).toHaveAttribute('aria-sort', 'descending')
})

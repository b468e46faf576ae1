import { screen } from '@testing-library/react'
import { expect, test } from 'vitest'
import { show } from '~/testing/page'
import { ObjectTable } from './ObjectTable'

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

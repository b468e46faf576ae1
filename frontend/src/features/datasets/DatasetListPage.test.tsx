import { screen, within } from '@testing-library/react'
import { expect, test } from 'vitest'
import type { CatalogRow } from '~/lib/api'
import { page, platform, show } from '~/testing/page'
import { DatasetListPage } from './DatasetListPage'

const ROW: CatalogRow = {
  kind: 'dataset',
  id: 1,
  name: 'pumps',
  description: '',
  ranges: 'machines:0:0:60',
  records: 60,
  format: 'JSON',
  columns: ['temperature'],
  labels: ['failure'],
  split: 'content',
  validation_rate: 0.1,
  test_rate: 0.1,
  versions: 2,
  changed_at: '2026-01-31T12:00:00Z',
}

test('streams that sinks announced are distinguished from data sets, though both have the number 1', async () => {
  const stream = {
    ...ROW,
    kind: 'stream' as const,
    name: 'MNIST',
    columns: ['uint8 28 28'],
    records: null,
    versions: 1,
  }
  platform({ 'GET /api/datasets/catalog/': page(ROW, stream) })
  await show(<DatasetListPage />, { at: '/datasets' })
  const row = (name: string) => within(screen.getByRole('link', { name }).closest('tr') as HTMLElement)
  await screen.findByRole('link', { name: 'pumps' })
  expect(screen.getByRole('link', { name: 'pumps' })).toHaveAttribute('href', '/datasets/1')
  expect(screen.getByRole('link', { name: 'MNIST' })).toHaveAttribute('href', '/streams/1')
  expect(row('pumps').getByText('data set')).toBeVisible()
  expect(row('MNIST').getByText('stream 1')).toBeVisible()
  expect(row('MNIST').getByText('without end')).toBeVisible()
  expect(row('pumps').getByRole('link', { name: 'Train on pumps' })).toHaveAttribute('href', '/training/new?dataset=1')
  expect(row('MNIST').getByRole('link', { name: /^Train on stream 1:/ })).toHaveAttribute(
    'href',
    '/streams/1?send=true',
  )
})

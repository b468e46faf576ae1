import { screen } from '@testing-library/react'
import { expect, test } from 'vitest'
import { platform, Refusal, show } from '~/testing/page'
import { DatasetOriginLink } from './DatasetOriginLink'

const ORIGIN = { id: 4, name: 'readings', version: 2 }

test('what a result learnt leads there', async () => {
  platform({ 'GET /api/datasets/4/': { id: 4, name: 'readings', versions: [] } })
  await show(<DatasetOriginLink origin={ORIGIN} />)
  expect(await screen.findByRole('link')).toHaveAttribute('href', '/datasets/4?version=2')
})

test('a data set that was deleted is said to be', async () => {
  platform({ 'GET /api/datasets/4/': new Refusal(404, 'there is no such data set') })
  await show(<DatasetOriginLink origin={ORIGIN} />)
  expect(await screen.findByText('(deleted)')).toBeVisible()
  expect(screen.getByText(/version 2 of readings/)).toBeVisible()
  expect(screen.queryByRole('link')).toBeNull()
})

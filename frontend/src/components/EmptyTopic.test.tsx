import { screen } from '@testing-library/react'
import { expect, test } from 'vitest'
import type { Topic } from '~/lib/api'
import { platform, show } from '~/testing/page'
import { EmptyTopic } from './EmptyTopic'

const topic = (...high: number[]) =>
  ({ name: 'pumps', partitions: high.map((end, partition) => ({ partition, high: end })) }) as unknown as Topic

test('a topic that lost its records says how many and why', async () => {
  platform({ 'GET /api/topics/pumps/settings/': { retention_ms: 604_800_000 } })
  await show(<EmptyTopic topic={topic(3000, 1000)} action={null} />)
  expect(await screen.findByText(/^4,000 records were written.* for 7 d by their own time/)).toBeVisible()
})

test('one that never had any says so, and asks nothing', async () => {
  const asked = platform({})
  await show(<EmptyTopic topic={topic(0)} action={null} />)
  expect(await screen.findByText('Nothing has been written to it yet.')).toBeVisible()
  expect(asked).toEqual([])
})

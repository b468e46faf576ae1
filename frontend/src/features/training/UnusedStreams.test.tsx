import { screen } from '@testing-library/react'
import { expect, test } from 'vitest'
import { page, platform, show } from '~/testing/page'
import { UnusedStreams } from './UnusedStreams'

test('a stream that a deployment did not take says why, and how to train on it', async () => {
  const note = 'nothing was trained from it: deployment 5 has ended, and trains on no other'
  const stream = { id: 10, incremental: false, registered_at: '2026-01-01T00:00:00Z', note, used: false }
  platform({ 'GET /api/streams/': page(stream) })
  await show(<UnusedStreams deployment={5} />)
  const section = await screen.findByRole('region', { name: 'Streams that were not used' })
  expect(section).toHaveTextContent(note)
  expect(screen.getByRole('link', { name: 'Train on this stream' })).toHaveAttribute(
    'href',
    '/training/new?from=5&stream=10',
  )
})

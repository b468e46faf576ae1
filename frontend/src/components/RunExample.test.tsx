import { screen, waitFor } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { expect, test } from 'vitest'
import { platform, show } from '~/testing/page'
import { RunExample } from './RunExample'

const example = (name: string) => ({ name, about: '', minutes: 1, data: 'generated' })

const RUNNING = {
  name: 'machines',
  by: 'ann',
  state: 'running',
  started_at: '2026-11-30T10:00:00Z',
  ended_at: null,
  reason: '',
  output: '',
  output_cut: false,
}

test('one click runs the example', async () => {
  const asked = platform({
    'GET /api/examples/': { available: [example('digits')], run: null },
    'POST /api/examples/': { available: [example('digits')], run: { ...RUNNING, name: 'digits' } },
  })
  await show(<RunExample name="digits" />)
  await userEvent.click(await screen.findByRole('button', { name: /handwritten digits/ }))
  await waitFor(() => expect(asked).toEqual([{ method: 'POST', path: '/api/examples/', body: { name: 'digits' } }]))
})

test('one that runs is shown in its place', async () => {
  platform({ 'GET /api/examples/': { available: [example('digits'), example('machines')], run: RUNNING } })
  await show(<RunExample name="digits" />)
  expect(await screen.findByRole('link', { name: /running: machines/ })).toHaveAttribute('href', '/examples')
})

test('nothing is offered to viewers, nor where there are no examples', async () => {
  let available: object[] = []
  let reads = 0
  platform({
    'GET /api/examples/': () => {
      reads += 1
      return { available, run: null }
    },
  })
  const { container, unmount } = await show(<RunExample name="digits" />)
  await waitFor(() => expect(reads).toBe(1))
  expect(container.querySelector('button, a')).toBeNull()
  unmount()
  available = [example('digits')]
  const second = await show(<RunExample name="digits" />, { role: 'viewer' })
  expect(second.container.querySelector('button, a')).toBeNull()
  expect(reads).toBe(1)
})

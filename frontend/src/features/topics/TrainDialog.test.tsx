import { fireEvent, screen, waitFor } from '@testing-library/react'
import { expect, test, vi } from 'vitest'
import type { Topic } from '~/lib/api'
import { page, platform, show } from '~/testing/page'
import { TrainDialog } from './TrainDialog'

// Skips the check for visibility, which costs jsdom seconds, because everything here is visible.
const FAST = { hidden: true }
const DIGITS = { name: 'digits', partitions: [{ partition: 0 }] } as Topic
const CLASSIC = { id: 1, configuration_name: 'plain', state: 'waiting', mode: 'classic', semi_supervised: null }
const SEMI = { ...CLASSIC, id: 2, configuration_name: 'both', semi_supervised: { rounds: 5, confidence: 0.9 } }
const ONLINE = { ...SEMI, id: 3, configuration_name: 'stream', mode: 'incremental' }

async function opened() {
  const asked = platform({
    'GET /api/deployments/': page<object>(CLASSIC, SEMI, ONLINE),
    'GET /api/streams/formats/': [{ name: 'RAW', title: 'RAW', decoder: 'raw', settings: [] }],
    'GET /api/topics/': page({ name: 'digits' }, { name: 'digits-unlabelled' }),
    'POST /api/streams/': { deployment: 2, ranges: '', message: 1, stream: null },
  })
  const onClose = vi.fn()
  await show(<TrainDialog topic={DIGITS} onClose={onClose} />)
  const choose = async (name: RegExp) => {
    fireEvent.click(await screen.findByLabelText('Deployment', { selector: 'input' }))
    fireEvent.click(await screen.findByRole('option', { ...FAST, name }))
  }
  const announce = () => screen.getByRole('button', { ...FAST, name: 'Announce' })
  return { asked, onClose, choose, announce }
}

test('a semi-supervised deployment is given the topic of the samples without labels, which it needs', async () => {
  const { asked, onClose, choose, announce } = await opened()
  await choose(/^1: plain/)
  expect(announce()).toBeEnabled()
  expect(screen.queryByLabelText(/^Topic without labels/)).toBeNull()
  await choose(/^2: both/)
  expect(announce()).toBeDisabled()
  const unlabelled = screen.getByLabelText(/^Topic without labels/, { selector: 'input' })
  fireEvent.change(unlabelled, { target: { value: 'digits' } })
  expect(await screen.findByText(/^Expected a topic other/)).toBeInTheDocument()
  fireEvent.change(unlabelled, { target: { value: 'digits-unlabelled' } })
  fireEvent.click(announce())
  await waitFor(() => expect(onClose).toHaveBeenCalled())
  expect(asked.map((request) => request.body)).toEqual([
    {
      deployment: 2,
      topic: 'digits',
      unlabelled_topic: 'digits-unlabelled',
      input_format: 'RAW',
      input_config: {},
      validation_rate: 0.1,
      test_rate: 0.1,
    },
  ])
})

test('a deployment that learns a stream without end is asked for no offsets and no test', async () => {
  const { asked, onClose, choose, announce } = await opened()
  await choose(/^3: stream/)
  expect(screen.queryByLabelText('From offset')).toBeNull()
  expect(screen.queryByLabelText('Test')).toBeNull()
  fireEvent.click(screen.getByLabelText('Start with the oldest record'))
  fireEvent.change(screen.getByLabelText(/^Topic without labels/, { selector: 'input' }), { target: { value: 'more' } })
  fireEvent.click(announce())
  await waitFor(() => expect(onClose).toHaveBeenCalled())
  expect(asked[0]?.body).toEqual({
    deployment: 3,
    topic: 'digits',
    unlabelled_topic: 'more',
    since_ms: 0,
    input_format: 'RAW',
    input_config: {},
    validation_rate: 0.1,
  })
})

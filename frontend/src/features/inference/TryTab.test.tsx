import { screen } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { expect, test } from 'vitest'
import type { Contract } from '~/lib/api'
import { PROPOSAL } from '~/testing/datasets'
import { inference } from '~/testing/inference'
import { platform, show } from '~/testing/page'
import { exampleText, TryTab } from './TryTab'

const CONTRACT = PROPOSAL.contract as Contract

async function shown(contract: Contract) {
  const asked = platform({
    'GET /api/results/7/': { id: 7, model: 2, stream: 5 },
    'GET /api/models/2/': { report: { inputs: [{ shape: [null, 1] }] } },
    'GET /api/streams/5/': { input_format: 'COLUMNS', topic: 'machines:2:7:90' },
    'GET /api/topics/machines/records/': { records: [{ decoded: { text: '{"reading": {"temperature": 47.5}}' } }] },
    'POST /api/inferences/3/try/': {
      sent: null,
      outcome: 'no_answer',
      input: { topic: 'in', partition: 0, offset: 5 },
      way: [],
    },
  })
  await show(<TryTab inference={inference({ input_format: 'COLUMNS', input_config: { contract } })} />)
  return asked
}

test('a contract is tried with a record such as it reads, not with what it made of one', async () => {
  const asked = await shown(CONTRACT)
  const send = await screen.findByRole('button', { name: 'Send through Kafka' })
  expect(screen.queryByText('Training sample')).toBeNull()
  await userEvent.click(send)
  expect(asked.map((request) => request.body)).toEqual([
    expect.objectContaining({ sample: { reading: { temperature: 47.5 } }, timeout_seconds: 10 }),
  ])
  expect(asked[0]?.body).not.toHaveProperty('shape')
})

test('of windows one record gets no answer, so none is sent', async () => {
  await shown({ ...CONTRACT, window: { length: 10, stride: 1, horizon: 0 } })
  expect(await screen.findByText(/takes the last 10 records of one key/)).toBeVisible()
  expect(screen.queryByRole('button', { name: 'Send through Kafka' })).toBeNull()
})

test('the example in an empty field has the shape that is expected', () => {
  expect(exampleText([28, 28])).toBe('[[0, 0, 0, …], …]')
  expect(exampleText([3])).toBe('[0, 0, 0]')
  expect(exampleText([64])).toBe('[0, 0, 0, …]')
  expect(exampleText(null)).toBe('[0, 0, 0, 0]')
})

import { fireEvent, screen } from '@testing-library/react'
import { expect, test } from 'vitest'
import { platform, Refusal, show } from '~/testing/page'
import { checkOf, type DeployForm, EMPTY_FORM } from './deploy'
import { NewestRecord } from './NewestRecord'

const RECORD = {
  partition: 0,
  offset: 41,
  timestamp: null,
  value: 'e30=',
  decoded: { text: '{"load": 1}', sample: null },
}
const CHECK = { topic: 'machines', verdict: 'readable', record: RECORD, reason: null }
const REASON = { stage: 'decode', error: 'DecodeError', message: 'null in temp', hint: 'send it' }
const ASKED = { result: 3, input_topic: 'machines' }

test.each([
  [CHECK, /This model can read it/],
  [{ ...CHECK, verdict: 'waits' }, /answers come with later ones/],
  [{ ...CHECK, verdict: 'unreadable', reason: REASON }, /Reason: null in temp. It would become a dead letter/],
  [{ ...CHECK, verdict: 'empty', record: null }, /machines has no records yet/],
  [{ ...CHECK, verdict: 'no_topic', record: null }, /machines does not exist yet/],
])('the newest record is shown with what it is to the model: %#', async (found, said) => {
  platform({ 'POST /api/inferences/check/': found })
  await show(<NewestRecord asked={ASKED} />)
  expect(await screen.findByText(said)).toBeVisible()
  if (found.record) expect(screen.getByText('{"load": 1}')).toBeVisible()
  if (found.reason) expect(screen.getByText('What to do: send it.')).toBeVisible()
})

test('what cannot be looked at says why, and is looked at again when one asks', async () => {
  let away = true
  const asked = platform({
    'POST /api/inferences/check/': () => (away ? new Refusal(503, 'Kafka does not answer') : CHECK),
  })
  await show(<NewestRecord asked={ASKED} />)
  expect(await screen.findByText(/not known .*: Kafka does not answer/)).toBeVisible()
  away = false
  fireEvent.click(screen.getByRole('button', { name: 'Look again' }))
  expect(await screen.findByText(/This model can read it/)).toBeVisible()
  expect(asked.map(({ body }) => body)).toEqual([ASKED, ASKED])
})

test('nothing is asked before a result and a topic are chosen, and no more than reading needs', () => {
  const form: DeployForm = { ...EMPTY_FORM, result: '3', input_topic: 'machines', start: 'now', replicas: 4 }
  expect(checkOf(form)).toEqual(ASKED)
  expect(checkOf({ ...form, result: null })).toBeNull()
  expect(checkOf({ ...form, input_topic: 'a b' })).toBeNull()
  expect(checkOf({ ...form, as_stream: false, input_config: '{' })).toBeNull()
  expect(checkOf({ ...form, as_stream: false, input_format: 'JSON', version: 2 })).toEqual({
    ...ASKED,
    version: 2,
    input_format: 'JSON',
    input_config: {},
  })
})

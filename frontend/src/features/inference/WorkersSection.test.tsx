import { fireEvent, screen, waitFor, within } from '@testing-library/react'
import { expect, test } from 'vitest'
import { KERAS, TORCH } from '~/testing/frameworks'
import { inference } from '~/testing/inference'
import { platform, show } from '~/testing/page'
import { EMPTY_FORM, requestOf, sentence } from './deploy'
import { WorkersSection } from './WorkersSection'

const TOKEN = {
  id: 5,
  name: 'gate 3',
  created_by: 'admin',
  created_at: new Date().toISOString(),
  expires_at: new Date(Date.now() + 864e5).toISOString(),
  expired: false,
  workers: 2,
}
const COMMANDS = {
  runtime: 'onnx',
  install: 'pip install ".[worker]"',
  python: 'kafka-ml worker run --inference 3 --token secret-text',
  build: 'docker build --target worker .',
  docker: 'docker run -e KML_WORKER_TOKEN=secret-text kafka-ml/worker:0.1.0',
  notes: ['Kafka is at 127.0.0.1:9092'],
}

test('a token is made with its commands, which are shown until they are closed; it is revoked by name', async () => {
  const asked = platform({
    'GET /api/inferences/3/worker_tokens/': { count: 1, next: null, previous: null, results: [TOKEN] },
    'POST /api/inferences/3/worker_tokens/': { ...TOKEN, token: 'secret-text', commands: COMMANDS },
    'DELETE /api/inferences/3/worker_tokens/5/': null,
  })
  await show(<WorkersSection inference={inference({ replicas: 0 })} />)
  expect(await screen.findByText(/The platform itself runs no replica/)).toBeInTheDocument()
  fireEvent.change(screen.getByLabelText(/Purpose of the token/), { target: { value: 'gate 3' } })
  fireEvent.click(screen.getByText('Show the command'))
  expect(await screen.findByText(COMMANDS.python)).toBeInTheDocument()
  expect(screen.getByText(COMMANDS.docker)).toBeInTheDocument()
  expect(screen.getByText(/needs no machine learning framework/)).toBeInTheDocument()
  expect(screen.getByText('Kafka is at 127.0.0.1:9092.')).toBeInTheDocument()
  fireEvent.click(screen.getByLabelText('Hide the commands'))
  await waitFor(() => expect(screen.queryByText(COMMANDS.python)).toBeNull())
  fireEvent.click(await screen.findByLabelText('Revoke gate 3'))
  const dialog = await screen.findByRole('dialog')
  expect(within(dialog).getByText('Workers that joined with it stop within seconds')).toBeInTheDocument()
  fireEvent.click(within(dialog).getByRole('button', { name: /Delete|Revoke/ }))
  await waitFor(() => expect(asked.map(({ method }) => method)).toEqual(['POST', 'DELETE']))
  expect(asked[0]?.body).toEqual({ name: 'gate 3', days: 365 })
})

test('a model that was not converted says by its title which framework the machine needs', async () => {
  platform({
    'GET /api/frameworks/': [KERAS, TORCH],
    'GET /api/inferences/3/worker_tokens/': { count: 0, next: null, previous: null, results: [] },
    'POST /api/inferences/3/worker_tokens/': { ...TOKEN, token: 't', commands: { ...COMMANDS, runtime: 'pytorch' } },
  })
  await show(<WorkersSection inference={inference({ replicas: 0 })} />)
  fireEvent.change(await screen.findByLabelText(/Purpose of the token/), { target: { value: 'gate 3' } })
  fireEvent.click(screen.getByText('Show the command'))
  expect(await screen.findByText('It was not converted to ONNX: the machine needs PyTorch.')).toBeInTheDocument()
})

test('with 0 replicas the form says who serves', () => {
  const form = { ...EMPTY_FORM, result: '7', input_topic: 'in', output_topic: 'out', replicas: 0 }
  expect(requestOf(form).replicas).toBe(0)
  expect(sentence(form, 'digits', undefined)).toContain('External workers that join with a token read in')
})

import { fireEvent, screen } from '@testing-library/react'
import { expect, test } from 'vitest'
import type { Deployment, ModelOf } from '~/lib/api'
import { page, platform, show } from '~/testing/page'
import { SendStream, shapeOf } from './SendStream'

const DEPLOYMENT = {
  id: 7,
  configuration: 1,
  mode: 'classic',
  semi_supervised: { rounds: 5, confidence: 0.9 },
} as unknown as Deployment

test('a semi-supervised deployment says that samples without labels belong to its stream, and the program sends them', async () => {
  platform({
    'GET /api/system/': { broker: { sink_bootstrap_servers: 'localhost:9092' }, control_topic: 'control' },
    'GET /api/configurations/1/': { model_details: [] },
    'GET /api/streams/': page(),
  })
  await show(<SendStream deployment={DEPLOYMENT} />)
  expect(await screen.findByLabelText('Program to send the stream')).toHaveTextContent(
    'unsupervised_topic="my-data-unlabelled"',
  )
  expect(screen.getByText(/announced with the stream as unsupervised_topic/)).toBeInTheDocument()
})

test('the program sends what the lowest sub-model of a chain takes', () => {
  const part = (id: number, upper_model: number | null, input: number[], ...outputs: number[]) =>
    ({
      id,
      name: `part ${id}`,
      framework: 'tensorflow',
      distributed: true,
      upper_model,
      inputs: [{ name: 'in', shape: [null, ...input], dtype: 'float32' }],
      outputs: outputs.map((size) => ({ name: 'out', shape: [null, size], dtype: 'float32' })),
    }) as unknown as ModelOf
  const chain = [part(1, null, [64], 10), part(2, 1, [64], 64, 10), part(3, 2, [28, 28, 1], 64, 10)]
  expect(shapeOf(chain)).toEqual({ sampleShape: [28, 28, 1], classes: 10 })
})

test('a stream that the models cannot learn says why, and cannot be chosen', async () => {
  const stream = { topic: 't:0:0:9', input_format: 'RAW', total_msg: 9, validation_rate: 0, test_rate: 0 }
  platform({
    'GET /api/system/': { broker: { sink_bootstrap_servers: 'localhost:9092' }, control_topic: 'control' },
    'GET /api/configurations/1/': { model_details: [] },
    'GET /api/streams/': page({ ...stream, id: 4, description: 'digits' }, { ...stream, id: 5, description: 'rows' }),
    'GET /api/deployments/7/streams/': [
      { stream: 5, topics: ['t'], reason: 'mnist cannot learn it: samples have the shape (3,)' },
      { stream: 4, topics: ['t'], reason: '' },
    ],
  })
  await show(<SendStream deployment={DEPLOYMENT} />)
  fireEvent.click(await screen.findByRole('tab', { name: 'Use an existing stream' }))
  expect(await screen.findByText('mnist cannot learn it: samples have the shape (3,).')).toBeVisible()
  expect(screen.getByRole('button', { name: 'Train on stream 5' })).toBeDisabled()
  expect(screen.getByRole('button', { name: 'Train on stream 4' })).toBeEnabled()
})

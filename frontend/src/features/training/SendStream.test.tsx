import { screen } from '@testing-library/react'
import { expect, test } from 'vitest'
import type { Deployment, ModelOf, Stream } from '~/lib/api'
import { page, platform, show } from '~/testing/page'
import { misfitText, SendStream, shapeOf } from './SendStream'

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

test('a stream of the other kind, or without unlabelled data where these are learnt, is not offered', () => {
  const stream = { incremental: false, unsupervised_topic: null } as Stream
  expect(misfitText(stream, DEPLOYMENT)).toMatch(/semi-supervised/)
  expect(misfitText({ ...stream, unsupervised_topic: 'more:0:0:5' }, DEPLOYMENT)).toBeUndefined()
  expect(misfitText(stream, { ...DEPLOYMENT, semi_supervised: null })).toBeUndefined()
  expect(misfitText({ ...stream, incremental: true }, DEPLOYMENT)).toMatch(/It has no end/)
})

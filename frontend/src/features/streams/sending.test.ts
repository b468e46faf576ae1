import { expect, test } from 'vitest'
import type { Deployment, StreamSample } from '~/lib/api'
import { labelOf } from './SamplesTab'
import { sentence, waitingOf } from './SendForm'

const STREAM = { total_msg: 1200, validation_rate: 0.1, test_rate: 0.2 }

function deployment(...states: string[]) {
  return { id: 7, results: states.map((state) => ({ state, stream: null })) } as unknown as Pick<
    Deployment,
    'id' | 'results'
  >
}

test('the sentence says how many models will train on what', () => {
  expect(sentence(STREAM, deployment('waiting', 'finished', 'waiting'))).toBe(
    '2 models of deployment 7 will train on 1,200 samples, split 70/10/20. No record is copied: the same offsets are read again.',
  )
})

test('a deployment where nothing waits is said to do nothing', () => {
  expect(sentence(STREAM, deployment('finished'))).toContain('cannot be sent to deployment 7')
  expect(waitingOf(deployment('finished'))).toBe(0)
  const taken = { id: 7, results: [{ state: 'waiting', stream: 3 }] } as unknown as Pick<Deployment, 'id' | 'results'>
  expect(waitingOf(taken)).toBe(0)
  expect(sentence(STREAM, undefined)).toContain('No record is copied')
})

test('labels are texts, numbers or none', () => {
  const sample = (change: object) => ({ label_text: null, label_sample: null, ...change }) as unknown as StreamSample
  expect(labelOf(sample({}))).toBeNull()
  expect(labelOf(sample({ label_text: 'cat' }))).toBe('cat')
  expect(labelOf(sample({ label_sample: { values: [3] } }))).toBe('3')
  expect(labelOf(sample({ label_sample: { values: [1, 2, 3, 4, 5] } }))).toBe('1, 2, 3, 4, …')
})

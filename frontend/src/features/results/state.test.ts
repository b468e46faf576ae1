import { expect, test } from 'vitest'
import type { Framework } from '~/lib/api'
import { loadSnippet, useOf } from './files'
import { cellOf, progressOf } from './state'

const last = (epoch: number) => ({ epoch, window: null })
const UNKNOWN = { remaining_seconds: null, may_end_sooner: false }
const at = (epoch: number, batch: number) => ({ epoch, epochs: 4, batch, batches: 10, metrics: {}, ...UNKNOWN })

test('progress moves on inside an epoch and never goes back', () => {
  expect(progressOf(null, null, String)).toMatchObject({ text: 'Starting', share: null })
  expect(progressOf({ ...at(0, 50), batches: 100 }, null, String)).toEqual({
    text: 'Reading the stream',
    share: 0.5,
    detail: '50 of 100 records',
    remaining: '',
  })
  expect(progressOf(at(2, 5), last(1), String)).toEqual({
    text: 'Epoch 2 of 4',
    share: 0.375,
    detail: 'batch 5 of 10',
    remaining: '',
  })
  // The end of an epoch was reported after the last progress within it.
  expect(progressOf(at(2, 5), last(2), String)).toMatchObject({ text: 'Epoch 3 of 4', share: 0.5 })
  expect(progressOf(at(4, 9), last(4), String)).toMatchObject({ text: 'Testing and saving the model', share: 1 })
})

test('the time left is shown while epochs go on, as an upper bound with early stopping', () => {
  const running = { ...at(2, 5), remaining_seconds: 125.2, may_end_sooner: false }
  expect(progressOf(running, last(1), String).remaining).toBe('about 2 min 5 s left')
  expect(progressOf({ ...running, may_end_sooner: true }, last(1), String).remaining).toBe('at most 2 min 5 s left')
  expect(progressOf({ ...running, remaining_seconds: 0.2 }, last(2), String).remaining).toBe('about 1.0 s left')
  expect(progressOf(running, last(4), String).remaining).toBe('')
})

test('a stream without end has windows, and no share of a whole', () => {
  const window = { records: 1, trained: 1, validated: 0, left_out: 0, lag: 0, rate: 1, ended_ms: 1 }
  expect(progressOf(null, { epoch: 4, window }, String)).toEqual({
    text: 'Window 5',
    share: null,
    detail: 'is filling',
    remaining: '',
  })
})

test('a cell of the address must be one of the matrix', () => {
  expect(cellOf('3-0', 4)).toEqual({ actual: 3, predicted: 0 })
  for (const text of ['4-0', '3', '3-', 'a-b', '-1-2', '1-2-3', undefined]) expect(cellOf(text, 4)).toBeUndefined()
})

test('files are loaded under the name they are saved as', () => {
  const onnx = { purpose: 'runs', needs: ['onnxruntime', 'numpy'], python: 'Session("FILE")\n', auxiliary: false }
  const frameworks = [{ name: 'pytorch', files: { 'model.onnx': onnx } }] as unknown as Framework[]
  const use = useOf(frameworks, 'pytorch', 'model.onnx')
  expect(loadSnippet(use, 'm-7-model.onnx')).toBe('# pip install onnxruntime numpy\nSession("m-7-model.onnx")')
  expect(loadSnippet({ ...use, needs: [] }, 'a.onnx')).toBe('Session("a.onnx")')
  expect(loadSnippet(useOf(frameworks, 'pytorch', 'other.bin'), 'x')).toBeNull()
  expect(loadSnippet(useOf([], 'pytorch', 'model.onnx'), 'x')).toBeNull()
})

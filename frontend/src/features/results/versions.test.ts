import { expect, test } from 'vitest'
import type { Comparison, Outcome, Version } from '~/lib/api'
import { marksOf } from './useCurveMarks'
import {
  chosenOf,
  comparisonText,
  differencesOf,
  followersText,
  positionsText,
  reasonText,
  withChoice,
} from './versions'

const OUTCOME: Outcome = {
  seconds: 1,
  samples: { training: 80, validation: 20 },
  scores: {},
  baseline: null,
  test_metrics: { loss: 0.2, accuracy: 0.91 },
  artifacts: {},
  versions: { keras: '3.15', numpy: '2.1' },
  code_sha256: 'a'.repeat(64),
  slice_sha256: 'b'.repeat(64),
  labels: [],
  warnings: [],
  onnx_max_difference: null,
  seed: 0,
  split: '',
  isolation: '',
  preparation: {},
  learnt: {},
  input_shape: [],
  output_shapes: [],
  pseudo_labels: [],
  exit: null,
  best_epoch: null,
}
const COMPARISON: Comparison = {
  metric: 'loss',
  direction: 'down',
  improvement: 0.05,
  champion: 1,
  champion_value: 0.3,
  challenger_value: 0.2,
  samples: 2000,
}

function version(number: number, more: Partial<Version> = {}): Version {
  return {
    number,
    reason: 'improved',
    attempt: 1,
    step: number * 10,
    created_at: `2026-01-01T00:0${number}:00Z`,
    current: false,
    pinned: false,
    artifacts: [],
    outcome: OUTCOME,
    positions: { digits: { 0: 1_200 } },
    comparison: null,
    ...more,
  }
}

test('why there is a version', () => {
  expect(reasonText(version(3))).toBe('improved after window 30')
  expect(reasonText(version(3, { step: null, reason: 'trained' }))).toBe('end of the stream')
  expect(reasonText(version(3, { step: null, reason: 'trained', positions: {} }))).toBe('trained')
})

test('a comparison says both values, and on what', () => {
  expect(comparisonText(COMPARISON)).toBe('loss 0.2 against 0.3 for version 1, on the same 2,000 samples')
  expect(comparisonText({ ...COMPARISON, champion: null, champion_value: null })).toBe(
    'loss 0.2 on 2,000 samples; first version',
  )
  expect(comparisonText({ ...COMPARISON, champion_value: null })).toContain('not a number (diverged) for version 1')
})

test('many partitions are counted, few are named', () => {
  expect(positionsText({ positions: { digits: { 1: 7, 0: 12_000 } } })).toBe('digits: 0 at 12,000, 1 at 7')
  expect(positionsText({ positions: { digits: { 0: 1, 1: 2, 2: 3, 3: 4 } } })).toBe(
    'digits: 10 offsets of 4 partitions',
  )
  expect(positionsText({ positions: {} })).toBe('')
})

test('two of the address are compared; a third takes the place of the oldest choice', () => {
  expect(withChoice(undefined, 3)).toBe('3')
  expect(withChoice('3', 5)).toBe('3,5')
  expect(withChoice('3,5', 8)).toBe('5,8')
  expect(withChoice('3,5', 3)).toBe('5')
  expect(withChoice('x,5', 5)).toBeUndefined()
  expect(chosenOf('5,9,3', [version(5), version(4), version(3)]).map((chosen) => chosen.number)).toEqual([5, 3])
  expect(chosenOf('', [version(5)])).toEqual([])
})

test('what differs between two versions is distinguished from what does not', () => {
  const other = version(4, { outcome: { ...OUTCOME, test_metrics: { accuracy: 0.95 }, versions: { keras: '3.16' } } })
  const rows = Object.fromEntries(differencesOf(version(3), other).map((difference) => [difference.name, difference]))
  expect(rows['test accuracy']).toMatchObject({ values: ['0.91', '0.95'], differs: true })
  expect(rows['test loss']).toMatchObject({ values: ['0.2', '–'], differs: true })
  expect(rows.numpy).toMatchObject({ values: ['2.1', '–'], differs: true })
  expect(rows.seed?.differs).toBe(false)
})

test('who goes over to another version is said before', () => {
  expect(followersText([])).toBe('No inference follows this result, so none switches to it.')
  const text = followersText([
    { id: 4, follows: true },
    { id: 7, follows: true },
    { id: 9, follows: false },
  ])
  expect(text).toContain('Inferences 4, 7 follow the result and switch to it')
  expect(text).toContain('Inference 9 stays at its current version.')
})

test('curves are marked with versions of this training only', () => {
  const marks = marksOf([version(3), version(2), version(1, { step: null })], Date.parse('2026-01-01T00:02:30Z'))
  expect(marks).toEqual([{ epoch: 30, label: 'v3' }])
})

import { describe, expect, it } from 'vitest'
import type { ResultRow } from '~/lib/api'
import { hasDiverged, mainMetric, progressOf, stateNote, testFigure } from './metrics'
import { joinIds, parseIds, reselect } from './selection'

const UNKNOWN = { remaining_seconds: null, may_end_sooner: false }

describe('progressOf', () => {
  it('counts batches over all epochs', () => {
    expect(
      progressOf({ progress: { epoch: 3, epochs: 10, batch: 5, batches: 10, metrics: {}, ...UNKNOWN }, metrics: null }),
    ).toEqual({
      percent: 25,
      text: 'epoch 3 of 10, batch 5 of 10',
    })
  })

  it('counts records while the stream is read, also when nobody knows how many', () => {
    expect(
      progressOf({
        progress: { epoch: 0, epochs: 10, batch: 500, batches: 1000, metrics: {}, ...UNKNOWN },
        metrics: null,
      })?.text,
    ).toBe('reading the stream: record 500 of 1,000')
    expect(
      progressOf({ progress: { epoch: 0, epochs: 10, batch: 500, batches: 0, metrics: {}, ...UNKNOWN }, metrics: null })
        ?.percent,
    ).toBe(0)
  })

  it('has no whole where the stream has no end', () => {
    const window = { records: 1, trained: 1, validated: 0, left_out: 0, lag: 0, rate: 1, ended_ms: 1 }
    const metrics = {
      epoch: 12_345,
      seconds: 1,
      training: {},
      validation: {},
      before: {},
      window,
      pseudo_labels: null,
      learning_rate: {},
      best_epoch: null,
    }
    expect(progressOf({ progress: null, metrics })).toEqual({ percent: null, text: 'window 12,345' })
  })
})

describe('mainMetric', () => {
  it('is the curve of the history with its last and best value', () => {
    const row = {
      history: {
        best_training: {},
        best_validation: { accuracy: { value: 0.9, epoch: 2 } },
        curve: { metric: 'accuracy', part: 'validation', stride: 1, epochs: [1, 2, 3], values: [0.5, 0.9, 0.8] },
      },
      metrics: {
        epoch: 3,
        seconds: 2,
        training: {},
        validation: { accuracy: 0.8 },
        before: {},
        window: null,
        pseudo_labels: null,
        learning_rate: {},
        best_epoch: null,
      },
    } satisfies Pick<ResultRow, 'history' | 'metrics'>
    expect(mainMetric(row)).toMatchObject({ name: 'accuracy', last: 0.8, best: 0.9, bestEpoch: 2 })
    expect(mainMetric({ history: null, metrics: null })).toBeNull()
  })
})

describe('stateNote', () => {
  it('tells a run that waits for data from one that will be tried again', () => {
    const row = { state: 'waiting', desired: 'run', attempt: 0, stream: null } as const
    expect(stateNote(row)).toBe('waiting for data')
    expect(stateNote({ ...row, stream: 1, attempt: 2, next_retry_at: '2026-01-01T00:00:00Z' })).toContain('2 attempts')
    expect(stateNote({ ...row, desired: 'stopped' })).toBe('stopping')
  })
})

describe('selection', () => {
  it('reads what an address holds, and nothing else', () => {
    expect(parseIds('3,1,3,x,-2,1e99')).toEqual([3, 1])
    expect(joinIds([])).toBeUndefined()
  })

  it('keeps what other pages chose', () => {
    expect(reselect([9, 1, 2], [1, 2, 3], [2, 3])).toEqual([9, 2, 3])
  })
})

describe('hasDiverged', () => {
  const measured = (training: object, validation: object = {}) =>
    ({ metrics: { training, validation } }) as unknown as Pick<ResultRow, 'metrics'>

  it('is a metric of the last epoch that is not a number', () => {
    expect(hasDiverged(measured({ loss: null, accuracy: 0.1 }))).toBe(true)
    expect(hasDiverged(measured({ loss: 0.1 }, { loss: null }))).toBe(true)
    expect(hasDiverged(measured({ loss: 0.1 }))).toBe(false)
    expect(hasDiverged({ metrics: null })).toBe(false)
  })
})

describe('testFigure', () => {
  it('is the score that all frameworks have, also where the code measures a loss alone', () => {
    const row = { history: { curve: { metric: 'loss', part: 'validation', values: [] } }, metrics: null }
    const figure = (outcome: object) => testFigure({ ...row, outcome } as unknown as ResultRow)
    expect(figure({ scores: { accuracy: 0.99 }, test_metrics: { loss: 0.02 } })).toEqual({
      name: 'accuracy',
      value: 0.99,
    })
    expect(figure({ scores: {}, test_metrics: { loss: 0.02 } })).toEqual({ name: 'loss', value: 0.02 })
  })
})

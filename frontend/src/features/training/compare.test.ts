import { describe, expect, it } from 'vitest'
import type { Deployment, Result } from '~/lib/api'
import { KERAS, TORCH } from '~/testing/frameworks'
import { asMarkdown, diffLines, metricRows, settingRows } from './compare'

function result(values: Partial<Result>): Result {
  return {
    framework: 'tensorflow',
    model_name: 'm',
    deployment: 1,
    stream: 1,
    outcome: null,
    metrics: null,
    history: null,
    ...values,
  } as Result
}

function deployment(values: Partial<Deployment>): Deployment {
  return {
    batch_size: 32,
    arguments: {},
    seed: 0,
    gpu: 0,
    mode: 'classic',
    ...values,
  } as Deployment
}

describe('settingRows', () => {
  it('compares arguments one by one, under the same name in both frameworks', () => {
    const arguments_ = {
      tensorflow: { fit: 'epochs=5, shuffle=True', evaluation: '' },
      pytorch: { fit: 'max_epochs=5', evaluation: '' },
    }
    const runs = [result({}), result({ framework: 'pytorch' })].map((run) => ({
      result: run,
      deployment: deployment({ arguments: arguments_ }),
    }))
    const rows = settingRows(runs, [KERAS, TORCH])
    expect(rows.find((row) => row.name === 'Framework')?.values).toEqual(['TensorFlow', 'PyTorch'])
    expect(rows.find((row) => row.name === 'epochs')).toEqual({ name: 'epochs', values: ['5', '5'], differs: false })
    expect(rows.find((row) => row.name === 'shuffle')?.values).toEqual(['True', '–'])
    expect(rows.find((row) => row.name === 'shuffle')?.differs).toBe(true)
    expect(rows.find((row) => row.name === 'Batch size')?.differs).toBe(false)
  })

  it('waits for a deployment that is not read yet', () => {
    expect(settingRows([{ result: result({}), deployment: null }], []).some((row) => row.name === 'Batch size')).toBe(
      false,
    )
  })
})

describe('metricRows', () => {
  const row = (loss: number, accuracy: number) =>
    result({
      metrics: {
        epoch: 1,
        seconds: 2,
        training: { loss, accuracy },
        validation: {},
        before: {},
        window: null,
        pseudo_labels: null,
        learning_rate: {},
        best_epoch: null,
      },
    })

  it('marks the least loss and the greatest accuracy', () => {
    const rows = metricRows([row(0.5, 0.9), row(0.2, 0.8)])
    expect(rows.find((metric) => metric.name === 'training loss, last')?.best).toEqual([1])
    expect(rows.find((metric) => metric.name === 'training accuracy, last')?.best).toEqual([0])
  })

  const tested = (framework: string, code: string, accuracy: number, slice = 'a') =>
    result({
      framework: framework as Result['framework'],
      code,
      outcome: {
        scores: { accuracy },
        test_metrics: { loss: 1 - accuracy, [framework === 'pytorch' ? 'acc' : 'accuracy']: accuracy },
        slice_sha256: slice,
        split: 'content',
      } as unknown as Result['outcome'],
    })

  it('holds frameworks against each other by the one score, never by losses of their own', () => {
    const rows = metricRows([tested('tensorflow', 'a', 0.88), tested('pytorch', 'b', 0.96)])
    expect(rows[0]).toMatchObject({ name: 'accuracy', score: true, values: [0.88, 0.96], best: [1], note: '' })
    expect(rows.find((metric) => metric.name === 'test loss')).toMatchObject({
      best: [],
      note: 'defined by the code of each model: not comparable',
    })
  })

  it('compares no losses of two codes of one framework, and no scores of other samples', () => {
    const rows = metricRows([tested('tensorflow', 'a', 0.88), tested('tensorflow', 'b', 0.96, 'other')])
    expect(rows[0]).toMatchObject({ name: 'accuracy', best: [], note: 'on different test samples: not comparable' })
    expect(rows.find((metric) => metric.name === 'test loss')?.best).toEqual([])
    expect(rows.find((metric) => metric.name === 'test accuracy')?.best).toEqual([1])
  })

  it('marks nothing where all are as good, also when the last digits differ', () => {
    expect(metricRows([row(1, 0.98148149), row(1, 0.98148148)]).every((metric) => metric.best.length === 0)).toBe(true)
  })

  it('has a gap for a run without the metric', () => {
    const rows = metricRows([row(0.5, 0.9), result({})])
    expect(rows[0]?.values).toEqual([0.5, undefined])
    expect(rows[0]?.best).toEqual([])
  })

  it('shows what is not a number as such, never as the best', () => {
    const diverged = result({
      metrics: {
        epoch: 1,
        seconds: 2,
        training: { loss: null },
        validation: {},
        before: {},
        window: null,
        pseudo_labels: null,
        learning_rate: {},
        best_epoch: null,
      },
    })
    expect(metricRows([diverged, diverged])[0]).toMatchObject({ values: [null, null], best: [] })
    expect(metricRows([diverged, row(0.5, 0.9)])[0]).toMatchObject({ values: [null, 0.5], best: [1] })
    expect(asMarkdown(['a'], [], metricRows([diverged]))).toContain('not a number (diverged)')
  })
})

describe('diffLines', () => {
  it('puts equal lines next to each other', () => {
    const pairs = diffLines('a\nb\nc\nd', 'a\nx\nc\nd\ne')
    expect(pairs.filter((pair) => pair.same).map((pair) => pair.left)).toEqual(['a', 'c', 'd'])
    expect(pairs.filter((pair) => !pair.same)).toEqual([
      { left: 'b', right: 'x', same: false },
      { left: null, right: 'e', same: false },
    ])
  })

  it('gives both texts back', () => {
    const [left, right] = ['one\ntwo\nthree\ntwo', 'two\nthree\n\none']
    const pairs = diffLines(left, right)
    expect(pairs.flatMap((pair) => pair.left ?? []).join('\n')).toBe(left)
    expect(pairs.flatMap((pair) => pair.right ?? []).join('\n')).toBe(right)
  })

  it('does without alignment where it would take too long', () => {
    const long = Array.from({ length: 3000 }, (_, index) => `line ${index}`).join('\n')
    expect(diffLines(`a\n${long}\nb`, `c\n${long}\nd`)).toHaveLength(3002)
  })
})

describe('asMarkdown', () => {
  it('keeps bars inside cells', () => {
    const text = asMarkdown(['a|b'], [{ name: 'Seed', values: ['1'], differs: false }], [])
    expect(text.split('\n')).toEqual(['|  | a\\|b |', '| --- | --- |', '| Seed | 1 |'])
  })
})

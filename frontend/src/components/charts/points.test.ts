import { expect, test } from 'vitest'
import { MAX_POINTS, thinned } from './points'

test('ten thousand windows are as many points as a page can draw, and their peaks stay', () => {
  const windows = Array.from({ length: 10_000 }, (_, index) => {
    const metrics = { loss: index === 1_234 ? 99 : index === 5_678 ? -99 : Math.sin(index), accuracy: Math.cos(index) }
    return { epoch: index + 1, before: metrics, training: metrics, validation: metrics }
  })
  const kept = thinned(windows)
  expect(kept.length).toBeLessThanOrEqual(MAX_POINTS)
  const epochs = kept.map((point) => point.epoch)
  expect(epochs).toEqual([...epochs].sort((a, b) => a - b))
  expect(epochs).toEqual(expect.arrayContaining([1, 1_235, 5_679, 10_000]))
})

test('values that are not numbers, and metrics without any, do not count as extremes', () => {
  const points = Array.from({ length: 50 }, (_, index) => ({
    epoch: index + 1,
    before: {},
    training: { loss: index === 20 ? 7 : null },
    validation: {},
  }))
  expect(thinned(points, 10).map((point) => point.epoch)).toEqual([1, 21, 50])
  const bare = Array.from({ length: 50 }, (_, index) => ({
    epoch: index + 1,
    before: {},
    training: {},
    validation: {},
  }))
  expect(thinned(bare, 10).length).toBeLessThanOrEqual(10)
  expect(thinned(bare, 50)).toBe(bare)
})

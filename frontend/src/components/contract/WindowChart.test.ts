import { expect, test } from 'vitest'
import { drawnFeatures, linesOf } from './WindowChart'

test('a window is described feature by feature, in the order of its records', () => {
  expect(linesOf([3, 2], [1, 10, 2, 20, 3, 30])).toEqual([
    [1, 2, 3],
    [10, 20, 30],
  ])
})

test('of many features those are drawn that change within a window', () => {
  // Columns of a one-hot key are constant within a window.
  const window = { shape: [2, 6], values: [1, 0, 0, 0, 5, 7, 1, 0, 0, 0, 6, 8] }
  expect(drawnFeatures([window], 6)).toEqual([4, 5, 0, 1])
})

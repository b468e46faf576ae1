import { expect, test } from 'vitest'
import { linesOf } from './WindowChart'

test('a window is told feature by feature, in the order of its records', () => {
  expect(linesOf([3, 2], [1, 10, 2, 20, 3, 30])).toEqual([
    [1, 2, 3],
    [10, 20, 30],
  ])
})

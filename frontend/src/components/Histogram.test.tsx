import { expect, test } from 'vitest'
import { barsOf } from './Histogram'

test('the fullest bin is as high as there is room, and one with few values is seen', () => {
  const bins = [1, 0, 1000].map((count, low) => ({ low, high: low + 1, count }))
  expect(barsOf(bins, 24)).toEqual([
    { x: 0, height: 1 },
    { x: 1, height: 0 },
    { x: 2, height: 24 },
  ])
})

test('bins without any value have no bars', () => {
  expect(barsOf([{ low: 0, high: 1, count: 0 }], 24)).toEqual([{ x: 0, height: 0 }])
})

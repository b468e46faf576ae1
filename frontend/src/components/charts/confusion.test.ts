import { expect, test } from 'vitest'
import { cellColors, normalised, statsOf, worstConfusions } from './confusion'

const MATRIX = [
  [8, 2, 0],
  [1, 9, 0],
  [0, 0, 0],
]

test('accuracy, precision, recall and F1', () => {
  const stats = statsOf(MATRIX, ['cat', 'dog', 'owl'])
  expect(stats).toMatchObject({ total: 20, correct: 17, accuracy: 0.85 })
  expect(stats.classes[0]).toEqual({ label: 'cat', support: 10, precision: 8 / 9, recall: 0.8, f1: 16 / 19 })
  // There was no owl, so its measures are null and the mean leaves it out.
  expect(stats.classes[2]).toEqual({ label: 'owl', support: 0, precision: null, recall: null, f1: null })
  expect(stats.macroF1).toBeCloseTo((16 / 19 + 18 / 21) / 2)
})

test('a matrix of nothing has no accuracy', () => {
  expect(statsOf([[0]], [])).toMatchObject({ accuracy: null, macroF1: null, classes: [{ label: '0' }] })
})

test('rows are normalised, empty ones stay zero', () => {
  expect(normalised(MATRIX)).toEqual([
    [0.8, 0.2, 0],
    [0.1, 0.9, 0],
    [0, 0, 0],
  ])
})

test('the most frequent mistakes come first and hits do not count', () => {
  expect(worstConfusions(MATRIX, 5)).toEqual([
    { actual: 0, predicted: 1, count: 2 },
    { actual: 1, predicted: 0, count: 1 },
  ])
  expect(worstConfusions(MATRIX, 1)).toHaveLength(1)
})

function luminance(color: string): number {
  const parts = color.startsWith('#')
    ? [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16))
    : (color.match(/\d+/g) ?? []).map(Number)
  const [red = 0, green = 0, blue = 0] = parts.map((value) =>
    value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4,
  )
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

test.each([
  ['light', 'right'],
  ['light', 'wrong'],
  ['dark', 'right'],
  ['dark', 'wrong'],
] as const)('numbers can be read on every cell, %s, %s', (scheme, kind) => {
  for (let share = 0; share <= 1; share += 0.01) {
    const { background, ink } = cellColors(share, kind, scheme)
    const [a, b] = [luminance(background), luminance(ink)]
    expect((Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)).toBeGreaterThanOrEqual(4.5)
  }
})

test('a class that is always mistaken does not look like one that is always right', () => {
  expect(cellColors(1, 'wrong', 'light').background).not.toBe(cellColors(1, 'right', 'light').background)
})

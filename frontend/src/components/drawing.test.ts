import { describe, expect, it } from 'vitest'
import {
  BOARD,
  downsample,
  drawableShape,
  drawLine,
  emptyBoard,
  filledOfSamples,
  inkToValues,
  isEmpty,
  rangeOfSamples,
  rangeOfType,
  usualFilled,
} from './drawing'

const at = (values: readonly number[], width: number, row: number, column: number) => values[row * width + column] ?? -1

describe('drawing', () => {
  it('draws lines that stay on the board', () => {
    const board = emptyBoard()
    expect(isEmpty(board)).toBe(true)
    drawLine(board, -10, BOARD / 2, BOARD + 10, BOARD / 2)
    expect(isEmpty(board)).toBe(false)
    expect(Math.max(...board)).toBe(1)
  })

  it('averages down to the size of the model and keeps where the ink is', () => {
    const board = emptyBoard()
    drawLine(board, BOARD / 4, 10, BOARD / 4, BOARD - 10)
    const small = downsample(board, 8, 8, null)
    expect(small).toHaveLength(64)
    expect(at(small, 8, 4, 2)).toBeGreaterThan(0.3)
    expect(at(small, 8, 4, 6)).toBe(0)
    expect(Math.max(...small)).toBeLessThanOrEqual(1)
  })

  it('keeps the mean of the ink when nothing is fitted', () => {
    const board = emptyBoard()
    drawLine(board, 40, 40, 100, 90)
    const mean = (values: ArrayLike<number>) =>
      Array.from(values).reduce((sum, value) => sum + value, 0) / values.length
    expect(mean(downsample(board, 28, 28, null))).toBeCloseTo(mean(board), 4)
  })

  it('centres a small drawing from a corner, with a margin where there is room', () => {
    const board = emptyBoard()
    drawLine(board, 12, 12, 12, 32)
    const fitted = downsample(board, 28, 28, 20 / 28)
    const rows = Array.from({ length: 28 }, (_, row) => Math.max(...fitted.slice(row * 28, row * 28 + 28)))
    const inked = rows.flatMap((ink, row) => (ink > 0.05 ? [row] : []))
    expect([inked[0], inked.at(-1)]).toEqual([4, 23])
    const tight = downsample(board, 8, 8, 1)
    expect(Math.max(...tight.slice(0, 8))).toBeGreaterThan(0.2)
  })

  it('fits to what real samples fill: the median of their boxes, without soft edges', () => {
    const picture = (from: number, to: number, edge = 0) => ({
      values: Array.from({ length: 64 }, (_, place) =>
        place % 8 === 3 && Math.floor(place / 8) >= from && Math.floor(place / 8) <= to ? 16 : edge,
      ),
    })
    const range = { least: 0, greatest: 16 }
    expect(filledOfSamples([picture(1, 6), picture(1, 6, 2), picture(0, 7)], [8, 8], range)).toBe(0.75)
    expect(filledOfSamples([picture(9, 9)], [8, 8], range)).toBeNull()
    expect(filledOfSamples([picture(1, 6)], [64], range)).toBeNull()
    expect([usualFilled(28, 28), usualFilled(8, 8)]).toEqual([20 / 28, 1])
  })

  it('scales ink to the values that the model was trained on', () => {
    expect(inkToValues([0, 0.5, 1], [3], 'uint8', { least: 0, greatest: 16 })).toEqual([0, 8, 16])
    expect(inkToValues([0, 0.25, 1], [3], 'float32', { least: -1, greatest: 1 })).toEqual([-1, -0.5, 1])
  })

  it('repeats ink in every channel, in the order of the shape', () => {
    const ink = Array.from({ length: 16 }, (_, index) => (index === 0 ? 1 : 0))
    const range = { least: 0, greatest: 9 }
    expect(inkToValues(ink, [4, 4, 3], 'uint8', range).slice(0, 4)).toEqual([9, 9, 9, 0])
    expect(inkToValues(ink, [3, 4, 4], 'uint8', range).slice(15, 18)).toEqual([0, 9, 0])
    expect(inkToValues(ink, [4, 4, 1], 'uint8', range)).toHaveLength(16)
  })

  it('knows the range by type, and better by samples', () => {
    expect(rangeOfType('uint8').greatest).toBe(255)
    expect(rangeOfType('float32').greatest).toBe(1)
    expect(rangeOfSamples([{ values: [0, 3, null] }, { values: [16, 2] }])).toEqual({ least: 0, greatest: 16 })
    expect(rangeOfSamples([{ values: [5, 5] }])).toBeNull()
  })

  it('draws what is an image, and nothing else', () => {
    expect(drawableShape([28, 28], [28, 28, 1])).toEqual([28, 28])
    expect(drawableShape(null, [1, 28, 28])).toEqual([1, 28, 28])
    expect(drawableShape([784], [28, 28, 1])).toEqual([28, 28, 1])
    expect(drawableShape([64], [64])).toEqual([8, 8])
    expect(drawableShape([4], [4])).toBeNull()
    expect(drawableShape(null, [null, 28])).toBeNull()
    expect(drawableShape([10, 3], [28, 28])).toBeNull()
  })
})

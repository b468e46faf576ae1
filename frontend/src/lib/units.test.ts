import { describe, expect, it } from 'vitest'
import { type Choice, inputConflict, unitsOf } from './units'

function model(id: number, shape: (number | null)[], more: Partial<Choice> = {}): Choice {
  return {
    id,
    name: `m${id}`,
    framework: 'tensorflow',
    distributed: false,
    upper_model: null,
    inputs: shape.length > 0 ? [{ name: 'x', shape: [null, ...shape], dtype: 'float32' }] : [],
    outputs: [],
    parameters: 1,
    ...more,
  }
}

it('shows a chain as one', () => {
  const cloud = model(1, [64], { distributed: true })
  const edge = model(2, [28, 28], { distributed: true, upper_model: 1 })
  const units = unitsOf([cloud, model(3, [8]), edge])
  expect(units.map((unit) => unit.map(({ id }) => id))).toEqual([[3], [2, 1]])
})

describe('inputConflict', () => {
  const conflict = (...models: Choice[]) => inputConflict(unitsOf(models))

  it('is silent where one stream may fit all', () => {
    expect(conflict(model(1, [8, 8]), model(2, [64]))).toBe('')
    expect(conflict(model(1, [8, 8]), model(2, [1, null, null]))).toBe('')
    expect(conflict(model(1, [8, 8]), model(2, []))).toBe('')
  })

  it('names two models that cannot share a stream', () => {
    expect(conflict(model(1, [8, 8]), model(2, [28, 28]))).toBe(
      'm1 takes samples of 8 × 8, m2 of 28 × 28: no stream fits both',
    )
    expect(conflict(model(1, [1, null, null]), model(2, [3, null, null]))).toContain('no stream')
  })

  it('asks only the first part of a chain', () => {
    const cloud = model(1, [64], { distributed: true })
    const edge = model(2, [28, 28], { distributed: true, upper_model: 1 })
    expect(conflict(cloud, edge, model(3, [784]))).toBe('')
  })
})

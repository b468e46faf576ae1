import { expect, test } from 'vitest'
import { exampleText } from './TryTab'

test('the example in an empty field has the shape that is expected', () => {
  expect(exampleText([28, 28])).toBe('[[0, 0, 0, …], …]')
  expect(exampleText([3])).toBe('[0, 0, 0]')
  expect(exampleText([64])).toBe('[0, 0, 0, …]')
  expect(exampleText(null)).toBe('[0, 0, 0, 0]')
})

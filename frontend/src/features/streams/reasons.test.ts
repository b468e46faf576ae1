import { expect, test } from 'vitest'
import { reasonsOf } from './SamplesTab'

const problem = (message: string, gap = '') => ({ error: { message, hint: '', gap } })

test('records without a sample are counted by what they lack; others by the first of them', () => {
  const samples = [
    { error: null },
    problem('not JSON (line 1)'),
    problem('the field is null', 'null in weight'),
    problem('not JSON (line 9)'),
    problem('the field is null', 'null in weight'),
    problem('the field is null', 'null in weight'),
  ]
  expect(reasonsOf(samples)).toEqual([
    ['null in weight', 3],
    ['not JSON (line 1)', 2],
  ])
})

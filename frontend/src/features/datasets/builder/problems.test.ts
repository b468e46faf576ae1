import { expect, test } from 'vitest'
import { Problem } from '~/lib/problem'
import { PROPOSAL } from '~/testing/datasets'
import { both, corrected, elsewhere, markedText, ofPreview, ofRefusal, textOf } from './problems'
import { emptyColumn, isShown, ofProposal } from './values'

const BEGUN = ofProposal(PROPOSAL)
const VALUES = { ...BEGUN, columns: [{ ...emptyColumn([]), id: 7, name: 'a', expression: '🌡 + x' }, ...BEGUN.columns] }
const NO_PLACE = { hint: '', start: null, end: null, known: [], meant: [] }

function refusal(...errors: { field: string; detail: string; hint?: string }[]): Problem {
  return new Problem({
    type: 'about:blank',
    title: 'Refused',
    status: 400,
    detail: 'no',
    errors: errors.map((error) => ({ code: 'invalid', ...error })),
  })
}

test('a problem of the second column is found by its id, wherever the column is by then', () => {
  const found = ofPreview([{ ...NO_PLACE, place: 'columns.1.scaling', message: 'no' }], VALUES)
  expect([...found.keys()]).toEqual(['columns.0.scaling'])
})

test('a problem of an expression knows the text that it is about, and corrects it by what was meant', () => {
  const problem = {
    place: 'columns.0.expression',
    message: 'there is no field x',
    hint: '',
    start: 4,
    end: 5,
    known: ['status'],
    meant: ['y'],
  }
  const [found] = ofPreview([problem], VALUES).get('columns.7.expression') ?? []
  // Positions count code points: the thermometer is one code point but two units of JavaScript.
  expect(found && markedText(found)).toEqual({ before: '🌡 + ', marked: 'x', after: '' })
  expect(found && corrected(found, 'y')).toBe('🌡 + y')
})

test('without a place nothing is marked', () => {
  const [found] = ofPreview([{ ...NO_PLACE, place: 'columns.0.expression', message: 'no' }], VALUES).values()
  expect(found?.[0] && markedText(found[0])).toBeNull()
})

test('what was refused when it was sent is found the same way', () => {
  const found = ofRefusal(
    refusal({ field: 'contract.columns.0.expression', detail: 'no field x' }, { field: 'name', detail: 'taken' }),
    VALUES,
  )
  expect([...found.keys()]).toEqual(['columns.7.expression', 'name'])
})

test('what two answers say is said once, with the place of the first', () => {
  const preview = ofPreview([{ ...NO_PLACE, place: 'columns.0.expression', message: 'a', start: 0, end: 1 }], VALUES)
  const refused = ofRefusal(
    refusal({ field: 'contract.columns.0.expression', detail: 'a' }, { field: 'contract.fields.0', detail: 'b' }),
    VALUES,
  )
  const all = both(preview, refused)
  expect(all.get('columns.7.expression')).toHaveLength(1)
  expect(all.get('columns.7.expression')?.[0]?.start).toBe(0)
  expect(elsewhere(all, isShown)).toEqual([['fields.0', { message: 'b', hint: '' }]])
})

test('a field tells all that is wrong with it', () => {
  expect(textOf([])).toBeUndefined()
  expect(
    textOf([
      { message: 'a', hint: 'do b' },
      { message: 'c', hint: '' },
    ]),
  ).toBe('a (do b); c')
})

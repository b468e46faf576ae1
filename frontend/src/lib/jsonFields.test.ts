import { expect, test } from 'vitest'
import type { TopicRecord } from './api'
import { fieldNames, fieldsOf, fieldText } from './jsonFields'

function record(text: string, more: object = {}): TopicRecord {
  return { decoded: { kind: 'json', text, truncated: false, ...more } } as TopicRecord
}

test('fields are named by their way, in the order in which they come', () => {
  const records = [record('{"t": 1, "at": {"x": 2, "deep": {"y": [3]}}, "none": {}}'), record('{"late": true}')]
  expect(fieldsOf(records[0] as TopicRecord)).toEqual({ t: 1, 'at.x': 2, 'at.deep.y': [3], none: {} })
  expect(fieldNames(records)).toEqual(['t', 'at.x', 'at.deep.y', 'none', 'late'])
})

test('what is mostly no object, or cut, has no fields', () => {
  expect(fieldNames([record('{"a": 1}'), record('[1]'), record('2')])).toEqual([])
  expect(fieldNames([record('{"a": 1}', { truncated: true })])).toEqual([])
  expect(fieldNames([record('{"a": 1}', { kind: 'text' })])).toEqual([])
  expect(fieldNames([record('{"a"')])).toEqual([])
  expect(fieldNames([])).toEqual([])
})

test('cells say null, and nothing where the field is missing', () => {
  expect([null, undefined, 3, 0.25, 'x', [1, 2], false].map(fieldText)).toEqual([
    'null',
    '',
    '3',
    '0.25',
    'x',
    '[1,2]',
    'false',
  ])
})

import { expect, test } from 'vitest'
import { PROPOSAL } from '~/testing/datasets'
import {
  type ColumnValues,
  columnOfField,
  columnsOfField,
  columnText,
  contractOf,
  emptyColumn,
  isShown,
  ofProposal,
  ofVersion,
  type SliceValues,
  sliceOf,
  topicOf,
  usedFields,
  versionOf,
  WHOLE_TOPIC,
} from './values'

const [TEMPERATURE, STATUS] = PROPOSAL.fields as [(typeof PROPOSAL.fields)[0], (typeof PROPOSAL.fields)[0]]

test('what is proposed is sent back as it came', () => {
  expect(contractOf(ofProposal(PROPOSAL))).toEqual(PROPOSAL.contract)
})

test('a window is proposed, and sent only once it is wanted', () => {
  const begun = ofProposal(PROPOSAL)
  expect(begun.window).toEqual({ on: false, length: 10, stride: 1, horizon: 0 })
  expect(contractOf({ ...begun, window: { ...begun.window, on: true } }).window).toEqual(PROPOSAL.window)
})

test('a preview is asked for with all fields, a data set made with those that expressions use', () => {
  const begun = ofProposal(PROPOSAL)
  expect(contractOf(begun, { all: true }).fields).toHaveLength(3)
  expect(contractOf(begun).fields).toEqual(PROPOSAL.contract?.fields)
})

test('fields are used by their quoted names too, and by none of their names in parts', () => {
  const fields = [
    { path: ['a "b"'], kind: 'number' as const },
    { path: ['x', 'y'], kind: 'number' as const },
  ]
  expect(usedFields(fields, ['"a ""b""" * 2'])).toEqual([fields[0]])
  expect(usedFields(fields, ['x', 'y'])).toEqual([])
  expect(usedFields(fields, ['x.y'])).toEqual([fields[1]])
})

test('a field becomes a column by its kind, under a name that is free', () => {
  const { columns } = ofProposal(PROPOSAL)
  const status = columnOfField(STATUS, columns)
  expect(status).toMatchObject({ id: 1, name: 'status', expression: 'status', encoding: 'one_hot' })
  expect(columnOfField(TEMPERATURE, columns)).toMatchObject({ name: 'temperature_2', scaling: 'standard' })
})

test('a field is learnt by the columns that read it, alone or together with others', () => {
  const columns = ['reading.temperature / 2', 'reading.temperature * LENGTH(status)', 'reading.status', 'statuses'].map(
    (expression, id) => ({ ...emptyColumn([]), id, expression }),
  )
  const [half, both] = columns
  expect(columnsOfField(TEMPERATURE, columns, PROPOSAL.fields)).toEqual({ all: [half, both], alone: [half] })
  expect(columnsOfField(STATUS, columns, PROPOSAL.fields)).toEqual({ all: [both], alone: [] })
})

test.each([
  [{ encoding: 'numbers', shape: '2, 3' }, { shape: [2, 3] }],
  [{ encoding: 'number', shape: '2, 3' }, { shape: [] }],
  [{ encoding: 'category', scaling: 'standard' }, { scaling: 'none' }],
  [{ missing: 'constant', constant: '1.5' }, { constant: 1.5 }],
  [{ missing: 'constant', constant: 'x' }, { constant: 'x' }],
  [{ missing: 'constant', constant: '7', encoding: 'category' }, { constant: '7' }],
  [{ missing: 'constant', constant: 'true', encoding: 'boolean' }, { constant: true }],
  [{ missing: 'mean', constant: '1.5' }, { constant: null }],
] as [Partial<ColumnValues>, object][])('%o is sent as %o', (changes, sent) => {
  const values = { ...ofProposal(PROPOSAL), columns: [{ ...emptyColumn([]), ...changes }] }
  expect(contractOf(values).columns[0]).toMatchObject(sent)
})

test('a column is described in words', () => {
  const [column] = ofProposal(PROPOSAL).columns as [ColumnValues]
  expect(columnText(column)).toBe('number, mean 0, deviation 1; left out if missing')
  expect(columnText({ ...column, missing: 'constant', constant: '0', scaling: 'none', input: 'left' })).toBe(
    'number; 0 instead if missing; to the input left',
  )
})

test('a slice is all of a topic, times, or offsets', () => {
  expect(sliceOf('t', WHOLE_TOPIC)).toEqual({ topic: 't' })
  expect(sliceOf('t', { ...WHOLE_TOPIC, by: 'offsets', partition: 1, start: 5 })).toEqual({
    topic: 't',
    partition: 1,
    start: 5,
    end: null,
  })
  const since = '2026-01-31T12:00'
  expect(sliceOf('t', { ...WHOLE_TOPIC, by: 'times', since })).toEqual({
    topic: 't',
    since: new Date(since).toISOString(),
    until: null,
  })
})

test('a version starts from the one before it, and knows the further fields of the records', () => {
  const contract = PROPOSAL.contract as NonNullable<typeof PROPOSAL.contract>
  const version = {
    number: 3,
    ranges: 'machines:0:0:500,machines:1:0:500',
    records: 1000,
    online: false,
    since: null,
    fit_records: null,
    validation_rate: 0.2,
    test_rate: 0.3,
    contract,
    created_at: '2026-01-31T12:00:00Z',
  }
  const begun = ofVersion(version, PROPOSAL)
  expect(topicOf(version)).toBe('machines')
  expect(begun.fields.map((field) => field.path.join('.'))).toEqual(['reading.temperature', 'failure', 'status'])
  expect(versionOf('machines', begun)).toEqual({
    slice: { topic: 'machines' },
    contract,
    validation_rate: 0.2,
    test_rate: 0.3,
  })
})

test('one without end begins at a time, keeps no part for a test, and is looked at by what is there until it is kept', () => {
  const online: SliceValues = { ...WHOLE_TOPIC, by: 'online', fit: 500 }
  const now = new Date('2026-01-31T12:00:00Z')
  const asked = { topic: 't', online: true, fit_records: 500 }
  expect(sliceOf('t', online, now)).toEqual({ ...asked, since: null })
  expect(sliceOf('t', { ...online, from: 'now' })).toEqual({ ...asked, since: null })
  const values = { ...ofProposal(PROPOSAL), slice: { ...online, from: 'now' as const } }
  expect(versionOf('t', values, now)).toMatchObject({ slice: { ...asked, since: now.toISOString() }, test_rate: 0 })
  const since = '2026-01-31T12:00'
  expect(sliceOf('t', { ...online, from: 'time', since })).toEqual({ ...asked, since: new Date(since).toISOString() })
})

test('what is wrong is shown by a field, or apart', () => {
  for (const place of ['columns.4.expression', 'columns.4', 'labels', 'window.length', 'slice.since', 'name']) {
    expect(isShown(place)).toBe(true)
  }
  for (const place of ['fields.3.kind', 'columns.4.nothing', 'samples']) expect(isShown(place)).toBe(false)
})

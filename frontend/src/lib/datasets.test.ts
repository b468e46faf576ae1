import { expect, test } from 'vitest'
import { PROPOSAL } from '~/testing/datasets'
import type { Contract } from './api'
import { exampleRecord } from './datasets'

const CONTRACT = {
  ...PROPOSAL.contract,
  fields: [
    { path: ['reading', 'temperature'], kind: 'number' },
    { path: ['reading', 'at'], kind: 'time' },
    { path: ['failure'], kind: 'boolean' },
  ],
} as Contract

test('a record has the fields of the contract as one that was learnt has them, without the label', () => {
  const seen = { reading: { temperature: 47.5, at: 1767225600000, unit: 'C' }, failure: true, id: 7 }
  expect(exampleRecord(CONTRACT, seen)).toEqual({ reading: { temperature: 47.5, at: 1767225600000 } })
})

test('what no record tells is of its kind', () => {
  expect(exampleRecord(CONTRACT, { reading: 'none' })).toEqual({
    reading: { temperature: 1.5, at: '2026-01-31T12:00:00Z' },
  })
})

test('a label that is a column too is needed', () => {
  const columns = [...CONTRACT.columns, { ...CONTRACT.columns[0], name: 'before', expression: 'NOT failure' }]
  const contract = { ...CONTRACT, columns } as Contract
  expect(exampleRecord(contract, { failure: false })).toHaveProperty('failure', false)
})

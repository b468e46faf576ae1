import { expect, it } from 'vitest'
import type { FieldSummary, Proposal } from '~/lib/api'
import { PROPOSAL } from '~/testing/datasets'
import { followsKeys, keylessNote } from './keyless'

const field = (expression: string, distinct: number) => ({ expression, kind: 'text', distinct }) as FieldSummary

function withMissing(missing: number, fields: FieldSummary[] = []): Proposal {
  return { ...PROPOSAL, sampled: 1000, fields, key: { kind: 'none', missing, distinct: 0, repeats: null, top: [] } }
}

it('says that windows need keys, and which field may be sent as one', () => {
  const note = keylessNote(withMissing(1, [field('status', 3), field('pump', 12), field('note', 900)]))
  expect(note?.title).toBe('The sampled records have no key')
  expect(note?.text).toContain('not by a field')
  expect(note?.text).toContain('let the producer send the field pump as the key of each record')
  expect(keylessNote(withMissing(1))?.text).toContain('send the id of the device')
})

it('says how many records lack a key, and nothing when none does', () => {
  expect(keylessNote(withMissing(0.125))?.title).toBe('12.5% of the sampled records have no key')
  expect(keylessNote(withMissing(0))).toBeNull()
  expect(keylessNote(undefined)).toBeNull()
})

it('knows what needs keys', () => {
  const window = { on: false, length: 10, stride: 1, horizon: 0 }
  const plain = { window, split: 'content' as const, columns: [] }
  expect(followsKeys(plain)).toBe(false)
  expect(followsKeys({ ...plain, window: { ...window, on: true } })).toBe(true)
  expect(followsKeys({ ...plain, split: 'key' })).toBe(true)
})

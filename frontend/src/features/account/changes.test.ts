import { expect, test } from 'vitest'
import { changesOf } from './changes'

const USER = { role: 'editor', is_active: true } as const

test('only what differs is sent', () => {
  expect(changesOf(USER, { role: 'editor', is_active: true, password: '' })).toEqual({})
  expect(changesOf(USER, { role: 'viewer', is_active: true, password: '' })).toEqual({ role: 'viewer' })
  expect(changesOf(USER, { role: 'editor', is_active: false, password: 'x' })).toEqual({
    is_active: false,
    password: 'x',
  })
})

import { expect, test } from 'vitest'
import { titleOf } from './Breadcrumb'
import { isIn, ROOMS } from './navigation'
import { fits } from './paletteObjects'
import { isTyping, meaningOf } from './shortcuts'

const key = (name: string, modifiers = {}) => ({
  key: name,
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  ...modifiers,
})

test('g and a room goes there; the room alone does nothing', () => {
  expect(meaningOf(key('g'), false)).toEqual({ kind: 'prefix' })
  expect(meaningOf(key('m'), true)).toEqual({ kind: 'go', to: '/models' })
  expect(meaningOf(key('m'), false)).toBeNull()
  expect(meaningOf(key('x'), true)).toBeNull()
})

test('? shows the sheet, and keys with a modifier belong to the browser', () => {
  expect(meaningOf(key('?'), false)).toEqual({ kind: 'sheet' })
  expect(meaningOf(key('g', { ctrlKey: true }), false)).toBeNull()
  expect(meaningOf(key('m', { metaKey: true }), true)).toBeNull()
})

test('every room has a key of its own', () => {
  expect(new Set(ROOMS.map((room) => room.key)).size).toBe(ROOMS.length)
})

test('what is typed into a field is not a shortcut', () => {
  document.body.innerHTML = '<input id="a"><div role="dialog"><button id="b">x</button></div><button id="c">y</button>'
  expect(isTyping(document.getElementById('a'))).toBe(true)
  expect(isTyping(document.getElementById('b'))).toBe(true)
  expect(isTyping(document.getElementById('c'))).toBe(false)
})

test('tabs are named by what they show', () => {
  expect(titleOf('/')).toBe('Pipeline · Kafka-ML')
  expect(titleOf('/models')).toBe('Models · Kafka-ML')
  expect(titleOf('/models/7')).toBe('#7 · Models · Kafka-ML')
  expect(titleOf('/results/7')).toBe('Result 7 · Training · Kafka-ML')
  expect(titleOf('/results/7/versions/3')).toBe('Version 3 · Result 7 · Training · Kafka-ML')
  expect(titleOf('/topics/%E0')).toBe('%E0 · Topics · Kafka-ML')
})

test('a page belongs to one room', () => {
  expect(isIn('/', '/models')).toBe(false)
  expect(isIn('/models', '/models/7')).toBe(true)
  expect(isIn('/training', '/results/7')).toBe(true)
})

test('objects are found by number or by a part of the name', () => {
  expect(fits({ id: 12, name: 'digits' }, '12')).toBe(true)
  expect(fits({ id: 12, name: 'digits' }, '#1')).toBe(true)
  expect(fits({ id: 7, name: 'digits 12' }, '12')).toBe(false)
  expect(fits({ id: 7, name: 'Digits' }, 'git')).toBe(true)
})

import { expect, test } from 'vitest'
import { decoderQuery, recordsQuery, tailUrl, topicSearch } from './search'

test('what an address does not say, or says wrongly, is left out', () => {
  expect(topicSearch({ from: 'nowhere', offset: -1, partition: 'x', decoder: '', settings: 'x', q: '' })).toEqual({})
  expect(topicSearch({ from: 'offset', offset: '12', partition: 0 })).toEqual({
    from: 'offset',
    offset: 12,
    partition: 0,
  })
})

test('pages begin where the address says', () => {
  expect(recordsQuery({})).toEqual({ limit: 50 })
  expect(recordsQuery({ from: 'oldest', partition: 0 })).toEqual({ start: 'oldest', partition: 0, limit: 50 })
  expect(recordsQuery({ from: 'offset', offset: 7 })).toEqual({ start: '7', limit: 50 })
  const time = '2026-11-21T14:30:00'
  expect(recordsQuery({ from: 'time', time })).toEqual({ timestamp: new Date(time).getTime(), limit: 50 })
  expect(recordsQuery({ from: 'time', time: 'noon' })).toEqual({ limit: 50 })
  expect(recordsQuery({ before: '0:5', q: 'x' })).toEqual({ before: '0:5', contains: 'x', limit: 50 })
  expect(recordsQuery(topicSearch({ q: 'm(7|9)', regex: true }))).toEqual({ matches: 'm(7|9)', limit: 50 })
})

test('decoders take their own settings only', () => {
  const settings = { data_type: 'uint8', data_reshape: '8 8' }
  expect(decoderQuery({ decoder: 'auto', settings })).toEqual({})
  expect(topicSearch({ decoder: 'hex', settings: {} })).toEqual({ decoder: 'hex' })
  expect(decoderQuery({ decoder: 'json', settings })).toEqual({ decoder: 'json' })
  expect(decoderQuery({ decoder: 'raw', settings })).toEqual({ decoder: 'raw', ...settings })
  expect(decoderQuery({ decoder: 'avro', settings: { data_scheme: '{}' } })).toEqual({
    decoder: 'avro',
    data_scheme: '{}',
  })
  expect(topicSearch({ decoder: 'raw', settings: { ...settings, label_type: 3 } })).toEqual({
    decoder: 'raw',
    settings,
  })
})

test('the tail has no start', () => {
  expect(tailUrl('a', {})).toBe('/api/topics/a/tail/')
  expect(tailUrl('a', { from: 'live', partition: 2, q: 'x y' })).toBe('/api/topics/a/tail/?partition=2&contains=x+y')
})

import { expect, test } from 'vitest'
import { decoderQuery, recordsQuery, tailUrl, topicSearch } from './search'

test('what an address does not say, or says wrongly, is left out', () => {
  expect(topicSearch({ from: 'nowhere', offset: -1, partition: 'x', decoder: 'magic', q: '' })).toEqual({})
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
})

test('decoders take their own settings only', () => {
  expect(decoderQuery({ decoder: 'auto', dtype: 'uint8' })).toEqual({})
  expect(decoderQuery({ decoder: 'json', dtype: 'uint8' })).toEqual({ decoder: 'json' })
  expect(decoderQuery({ decoder: 'raw', dtype: 'uint8', shape: '8 8', schema: '{}' })).toEqual({
    decoder: 'raw',
    data_type: 'uint8',
    data_reshape: '8 8',
  })
  expect(decoderQuery({ decoder: 'avro', schema: '{}' })).toEqual({ decoder: 'avro', data_scheme: '{}' })
})

test('the tail has no start', () => {
  expect(tailUrl('a', {})).toBe('/api/topics/a/tail/')
  expect(tailUrl('a', { from: 'live', partition: 2, q: 'x y' })).toBe('/api/topics/a/tail/?partition=2&contains=x+y')
})

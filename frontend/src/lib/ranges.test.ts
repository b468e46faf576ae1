import { expect, test } from 'vitest'
import { mostRecords, parseRanges, sharesOf, topicsOf } from './ranges'

test('ranges are read as sinks write them', () => {
  expect(parseRanges('mnist:0:0:1000, mnist:1:5:9')).toEqual([
    { topic: 'mnist', partition: 0, start: 0, end: 1000 },
    { topic: 'mnist', partition: 1, start: 5, end: 9 },
  ])
  expect(parseRanges('online')).toEqual([{ topic: 'online', partition: 0, start: 0, end: null }])
  expect(parseRanges('empty:2:7')).toEqual([{ topic: 'empty', partition: 2, start: 7, end: 7 }])
  expect(parseRanges(null)).toEqual([])
  expect(parseRanges('')).toEqual([])
  expect(parseRanges('a:x:y:z')).toEqual([])
})

test('a stream without end has no number of records', () => {
  expect(mostRecords(parseRanges('a:0:0:10,a:1:5:9'))).toBe(14)
  expect(mostRecords(parseRanges('a'))).toBeNull()
})

test('topics are named once', () => {
  expect(topicsOf(parseRanges('a:0:0:1,a:1:0:1,b:0:0:1'))).toEqual(['a', 'b'])
})

test('shares add up', () => {
  expect(sharesOf(0.15, 0.15)).toEqual([70, 15, 15])
})

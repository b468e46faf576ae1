import { expect, test } from 'vitest'
import { durationText, formatMilliseconds, formatSeconds, NONE } from './format'

test.each([
  [0.003, '3.0 ms'],
  [0.00001, '< 0.1 ms'],
  [0, '0 s'],
  [0.25, '0.3 s'],
  [73, '1 min 13 s'],
  [null, NONE],
])('%s s is not shown as a zero that nobody measured: %s', (seconds, text) => {
  expect(formatSeconds(seconds)).toBe(text)
})

test('a latency that was measured is never 0.0 ms', () => {
  expect(formatMilliseconds(0.02)).toBe('< 0.1 ms')
  expect(formatMilliseconds(0.2)).toBe('0.2 ms')
  expect(formatMilliseconds(undefined)).toBe(NONE)
})

test.each([
  [5000, '5 s'],
  [300_000, '5 min'],
  [3_600_000, '1 h'],
  [90_000, '1 min 30 s'],
  [700, '700 ms'],
  [604_800_000, '7 d'],
])('%i ms that somebody chose are %s', (milliseconds, text) => {
  expect(durationText(milliseconds)).toBe(text)
})

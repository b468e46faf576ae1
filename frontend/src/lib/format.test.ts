import { expect, test } from 'vitest'
import { formatMilliseconds, formatSeconds, NONE } from './format'

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

import { expect, test } from 'vitest'
import { aboutText, atMost } from './counts'

test('a count of offsets is given as about and at most this many records', () => {
  expect([aboutText(604), aboutText(0), aboutText(null)]).toEqual(['about 604 records', '0 records', '– records'])
  expect(atMost(1234)).toMatch(/^at most 1,234: transaction markers/)
  expect(atMost(null)).toBe('not reported by Kafka')
})

import { expect, test } from 'vitest'
import { bytesOfBase64, hexDump, hexOfBase64, prettyJson } from './records'

test('base64 becomes bytes', () => {
  expect([...bytesOfBase64('AAH/')]).toEqual([0, 1, 255])
})

test('hex shows the first bytes and says that there are more', () => {
  expect(hexOfBase64('AAH/', 16)).toBe('00 01 ff')
  expect(hexOfBase64('AAH/', 2)).toBe('00 01 …')
  expect(hexOfBase64('', 2)).toBe('')
})

test('a dump has sixteen bytes per line and letters next to them', () => {
  const lines = hexDump(btoa('0123456789abcdefgh\n')).split('\n')
  expect(lines).toHaveLength(2)
  expect(lines[0]).toBe('000000  30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66  0123456789abcdef')
  expect(lines[1]).toMatch(/^000010 {2}67 68 0a .* gh\.$/)
})

test('pretty JSON is what JavaScript makes of it, but for the digits of long numbers', () => {
  const text = '{"a":[1, {"b, [":"\\"x:{}"}],"c":{ },"d":[],"e":null,"f":-1.5e-7}'
  expect(prettyJson(text)).toBe(
    JSON.stringify(JSON.parse(text.replace('1.5e-7', '1.5')), null, 2).replace('1.5', '1.5e-7'),
  )
  expect(prettyJson('[9007199254740993, 1.0]')).toBe('[\n  9007199254740993,\n  1.0\n]')
})

test('what is not JSON stays as it is', () => {
  expect(prettyJson('{"a":[1]}')).toBe('{\n  "a": [\n    1\n  ]\n}')
  expect(prettyJson('{"cut')).toBe('{"cut')
})

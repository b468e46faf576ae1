import { expect, test } from 'vitest'
import { batchesOf, csvRows, FileProblem, jsonRows, readRows } from './fileRows'

const values = (text: string) => csvRows(text).rows.map((row) => row.value)

test('columns become numbers, booleans or text, and digits stay as they are', () => {
  expect(values('id,t,ok,note\n00123,1.50,true,a\n00124,-2e3,FALSE,\n')).toEqual([
    '{"id": "00123", "t": 1.50, "ok": true, "note": "a"}',
    '{"id": "00124", "t": -2e3, "ok": false, "note": null}',
  ])
  expect(values('n\n12345678901234567890')).toEqual(['{"n": 12345678901234567890}'])
})

test('CSV files are read as people save them', () => {
  expect(values('a;b\r\n1,5;x\r\n2;"y; ""z"""\r\n')).toEqual(['{"a": 1.5, "b": "x"}', '{"a": 2, "b": "y; \\"z\\""}'])
  expect(values('a\tb\n1\t2')).toEqual(['{"a": 1, "b": 2}'])
  const broken = csvRows('a,b\n"1\n1",2\n3\n4,5,6\n7,8\n')
  expect(broken.rows.map((row) => row.line)).toEqual([2, 6])
  expect(broken.problems).toEqual([
    { line: 4, detail: '1 value: expected 2, one for each column' },
    { line: 5, detail: '3 values: expected 2, one for each column' },
  ])
})

test('a file of which nothing can be used says why', async () => {
  for (const [text, reason] of [
    ['', 'empty'],
    ['1,2\n3,4', 'names of the columns'],
    ['a,,c\n1,2,3', 'Column 2 has no name'],
    ['a,a\n1,2', 'Two columns are named a'],
    ['a\n"open', 'line 2'],
  ] as const) {
    expect(() => csvRows(text)).toThrow(reason)
  }
  expect(() => jsonRows('[{"a": 1}]')).toThrow('jq')
  await expect(readRows(new File([new Uint8Array([0x61, 0xff])], 'a.csv'))).rejects.toThrow('not UTF-8')
  await expect(readRows(new File(['x'.repeat(11 << 20)], 'a.csv'))).rejects.toThrow(FileProblem)
})

test('JSON lines are written as they are, and other lines are reported', async () => {
  const found = await readRows(new File(['\uFEFF{"m": "m7", "n": 1.0}\n\n{"m"\n[1]\n{"n": 2}\n'], 'a.jsonl'))
  expect(found.fields).toEqual(['m', 'n'])
  expect(found.rows.map((row) => [row.line, row.value])).toEqual([
    [1, '{"m": "m7", "n": 1.0}'],
    [5, '{"n": 2}'],
  ])
  expect(found.problems.map((problem) => problem.line)).toEqual([3, 4])
  expect(batchesOf(found, 'm')[0]?.map(({ record }) => record.key)).toEqual(['m7', undefined])
})

test('batches are bounded by records and by characters', () => {
  const many = csvRows(`a\n${'1\n'.repeat(1200)}`)
  expect(batchesOf(many, null).map((batch) => batch.length)).toEqual([500, 500, 200])
  const large = jsonRows(Array.from({ length: 3 }, () => `{"a": "${'x'.repeat(600_000)}"}`).join('\n'))
  expect(batchesOf(large, null).map((batch) => batch.length)).toEqual([1, 1, 1])
})

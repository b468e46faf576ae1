import { expect, test } from 'vitest'
import { formatClock } from '~/lib/format'
import { appendLog, EMPTY_LOG, filterLines, type LogBuffer, shownLines } from './logLines'

function read(...pieces: string[]): LogBuffer {
  return pieces.reduce((buffer, piece) => appendLog(buffer, piece), EMPTY_LOG)
}

// The time as the reader's clock shows it, in any time zone of the tests.
const CLOCK = `${formatClock(Date.parse('2026-11-21T14:27:44Z'))}.925`

const entry = (event: string, more: object = {}) =>
  `${JSON.stringify({ event, level: 'info', timestamp: '2026-11-21T14:27:44.925047Z', result: 2, ...more })}\n`

test('a line may arrive in pieces', () => {
  const buffer = read('first\nsec', 'ond', '\nthird')
  expect(buffer.lines.map((line) => line.text)).toEqual(['first', 'second'])
  expect(shownLines(buffer).map((line) => line.text)).toEqual(['first', 'second', 'third'])
  expect(shownLines(appendLog(buffer, ' ends\n')).map((line) => [line.number, line.text])).toContainEqual([
    3,
    'third ends',
  ])
})

test('entries of the platform read as sentences, the raw line stays', () => {
  const [line] = read(entry('data are ready', { seconds: 0.5, samples: { training: 3 } })).lines
  expect(line?.text).toBe(`${CLOCK} info    data are ready seconds=0.5 samples={"training":3}`)
  expect(line?.raw).toContain('"result":2')
})

test('what the model printed is shown as it was printed', () => {
  const [line] = read(entry('output', { line: '  loss: 0.5' })).lines
  expect(line?.text).toBe(`${CLOCK} model     loss: 0.5`)
})

test('only errors, with their traceback', () => {
  const buffer = read(
    entry('starts'),
    entry('failed', { level: 'error', exception: 'Traceback\n  File x' }),
    'Traceback (most recent call last):\n  File "a.py", line 1\nValueError: no\nafter\n',
    entry('output', { line: 'RuntimeError: shapes' }),
    entry('slow', { level: 'warning' }),
  )
  expect(filterLines(buffer.lines, { errorsOnly: true }).map((line) => line.number)).toEqual([2, 3, 4, 5, 7])
  expect(buffer.lines.at(-1)?.level).toBe('warning')
  expect(filterLines(buffer.lines, { errorsOnly: true, query: 'VALUEerror' }).map((line) => line.number)).toEqual([5])
  expect(filterLines(buffer.lines, { query: 'nowhere' })).toEqual([])
})

test('old lines are let go and said, numbers stay', () => {
  const buffer = appendLog(read('1\n2\n3\n'), '4\n5\n', { limit: 2 })
  expect(buffer).toMatchObject({ dropped: 3, total: 5 })
  expect(buffer.lines.map((line) => line.number)).toEqual([4, 5])
})

test('progress bars, colours and endless lines do no harm', () => {
  const esc = String.fromCharCode(27)
  const buffer = read(`a\r50%\r100%\n${esc}[31mred${esc}[0m\r\n`, 'x'.repeat(70_000), '\n')
  expect(buffer.lines.slice(0, 2).map((line) => line.text)).toEqual(['100%', 'red'])
  expect(Math.max(...buffer.lines.map((line) => line.raw.length))).toBeLessThanOrEqual(20_000)
  expect(read('{"event": "no level"}\n{broken}\n[1]\n').lines.map((line) => line.text)).toEqual([
    '{"event": "no level"}',
    '{broken}',
    '[1]',
  ])
})

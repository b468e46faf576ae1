import { act, renderHook, waitFor } from '@testing-library/react'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Log } from '~/lib/api'
import { type ReadLog, readWholeLog, useLog } from './useLog'

beforeEach(() => {
  vi.useFakeTimers({ shouldAdvanceTime: true })
})
afterEach(() => {
  vi.useRealTimers()
})

/** A log whose present content is ``text``, served in pieces of ``size`` bytes. */
function source(size = 8) {
  const log = { text: '', gone: false, error: null as Error | null, kept: '' }
  const read: ReadLog = async (offset) => {
    if (log.error) throw log.error
    if (log.gone) {
      const text = offset <= 0 ? log.kept : ''
      return { text, offset: 0, next_offset: offset <= 0 ? text.length : offset, stored: text !== '' }
    }
    const start = offset < 0 ? Math.max(0, log.text.length + offset) : offset
    const text = log.text.slice(start, start + size)
    return { text, offset: start, next_offset: start + text.length, stored: false } satisfies Log
  }
  return { log, read }
}

const texts = (state: ReturnType<typeof useLog>) => state.buffer.lines.map((line) => line.text)

test('a log is read to its end and followed while it is live', async () => {
  const { log, read } = source()
  log.text = 'one\ntwo\nthree\n'
  const { result, rerender } = renderHook(({ live }) => useLog(read, 'a', live), { initialProps: { live: true } })
  await waitFor(() => expect(texts(result.current)).toEqual(['one', 'two', 'three']))
  log.text += 'four\n'
  await act(() => vi.advanceTimersByTimeAsync(1500))
  expect(texts(result.current)).toEqual(['one', 'two', 'three', 'four'])
  // This line was written just before the end was reported.
  rerender({ live: false })
  log.text += 'five\n'
  await act(() => vi.advanceTimersByTimeAsync(3000))
  expect(texts(result.current)).toContain('five')
  expect(result.current.loading).toBe(false)
})

test('nothing is blanked by an error or when the process is gone', async () => {
  const { log, read } = source()
  log.text = 'one\n'
  const { result } = renderHook(() => useLog(read, 'a', true))
  await waitFor(() => expect(texts(result.current)).toEqual(['one']))
  log.error = new Error('away')
  await act(() => vi.advanceTimersByTimeAsync(1500))
  expect(result.current.error).toBe(log.error)
  expect(texts(result.current)).toEqual(['one'])
  log.error = null
  log.gone = true
  await act(() => vi.advanceTimersByTimeAsync(6000))
  expect(result.current.error).toBeNull()
  expect(texts(result.current)).toEqual(['one'])
})

test('the kept end of a log is shown as such', async () => {
  const { log, read } = source()
  log.gone = true
  log.kept = 'the end\n'
  const { result } = renderHook(() => useLog(read, 'a', false))
  await waitFor(() => expect(texts(result.current)).toEqual(['the end']))
  expect(result.current.stored).toBe(true)
})

test('another source starts over', async () => {
  const first = source()
  first.log.text = 'one\n'
  const { result, rerender } = renderHook(({ name }) => useLog(first.read, name, false), {
    initialProps: { name: 'attempt-1' },
  })
  await waitFor(() => expect(texts(result.current)).toEqual(['one']))
  first.log.text = 'two\n'
  rerender({ name: 'attempt-2' })
  await waitFor(() => expect(texts(result.current)).toEqual(['two']))
})

test('a download has all of it', async () => {
  const { log, read } = source(4)
  log.text = 'a\n'.repeat(50)
  expect(await readWholeLog(read, new AbortController().signal)).toBe(log.text)
})

import { act, renderHook } from '@testing-library/react'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { useSilence } from './useSilence'

beforeEach(() => void vi.useFakeTimers({ now: Date.parse('2026-01-01T00:00:00Z') }))
afterEach(() => void vi.useRealTimers())

test('what is not heard again for five seconds is silent, and no more once it is', () => {
  const { result, rerender } = renderHook(useSilence, { initialProps: '2026-01-01T00:00:00Z' as string | null })
  expect(result.current).toBe(false)
  act(() => void vi.advanceTimersByTime(4_999))
  expect(result.current).toBe(false)
  act(() => void vi.advanceTimersByTime(1))
  expect(result.current).toBe(true)
  rerender('2026-01-01T00:00:05Z')
  expect(result.current).toBe(false)
})

test('clocks that differ by seconds are not silence; a replica that never reported is silent', () => {
  expect(renderHook(useSilence, { initialProps: '2025-12-31T23:59:30Z' }).result.current).toBe(false)
  expect(renderHook(useSilence, { initialProps: '2025-12-31T23:58:00Z' }).result.current).toBe(true)
  expect(renderHook(useSilence, { initialProps: null }).result.current).toBe(true)
})

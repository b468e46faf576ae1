import { renderHook } from '@testing-library/react'
import { beforeEach, expect, test, vi } from 'vitest'
import { leaveDrafts, readDraft, useDraft } from './drafts'

beforeEach(() => {
  localStorage.clear()
  sessionStorage.clear()
  vi.useFakeTimers()
  return () => vi.useRealTimers()
})

const form = () => renderHook(() => useDraft('model', { name: '', code: '' })).result.current

/** Type into a form of this tab. */
function type(name: string): ReturnType<typeof form> {
  const draft = form()
  draft.keep({ name, code: 'model = 1' })
  vi.advanceTimersByTime(1_000)
  return draft
}

/** Continue in another tab; returns a function that brings this tab back. */
function another(): () => void {
  const mine = { ...sessionStorage }
  sessionStorage.clear()
  return () => {
    sessionStorage.clear()
    for (const [key, value] of Object.entries(mine)) sessionStorage.setItem(key, value)
  }
}

test('two tabs keep a draft each', () => {
  type('first')
  const back = another()
  expect(form().restored).toBe(false)
  type('second')
  back()
  expect([form().start.name, form().restored]).toEqual(['first', true])
})

test('what a closed tab left is where the next begins, and no third one', () => {
  type('left')
  leaveDrafts()
  another()
  expect(form().start).toEqual({ name: 'left', code: 'model = 1' })
  another()
  expect(form().restored).toBe(false)
})

test("a reload goes on with the tab's own, and what was sent is forgotten", () => {
  const draft = type('mine')
  leaveDrafts()
  expect(form().start.name).toBe('mine')
  draft.forget()
  expect([readDraft('model'), localStorage.length]).toEqual([null, 0])
})

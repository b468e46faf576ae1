import { act, render, screen } from '@testing-library/react'
import { Suspense } from 'react'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type LazyPage, surviving } from './survivingPage'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** A page whose code fails to load ``failures`` times. */
function lazyPage(failures: number) {
  const page: LazyPage = () => {
    if (page.preload) throw new Error('it would reload the document')
    return <p>the page</p>
  }
  const tried = vi.fn(async () => {
    if (tried.mock.calls.length > failures) page.preload = undefined
  })
  page.preload = tried
  return { page, tried }
}

test('while the platform is unavailable it is tried again, and the frame stays', async () => {
  const { page, tried } = lazyPage(10)
  const Page = surviving(page, async () => false)
  await act(async () => {
    render(
      <Suspense fallback="waiting">
        <Page />
      </Suspense>,
    )
  })
  await act(() => vi.advanceTimersByTimeAsync(19_000))
  expect(screen.getByText('waiting')).toBeVisible()
  expect(tried).toHaveBeenCalledTimes(10)
  await act(() => vi.advanceTimersByTimeAsync(2_000))
  expect(screen.getByText('the page')).toBeVisible()
  expect(Page.preload).toBeUndefined()
})

test('code that a platform has not which answers is gone: no endless wait', async () => {
  const { page, tried } = lazyPage(1_000)
  const Page = surviving(page, async () => true)
  await Page.preload?.()
  expect(tried).toHaveBeenCalledTimes(2)
  vi.spyOn(console, 'error').mockImplementation(() => {})
  expect(() => render(<Page />)).toThrow('reload the document')
})

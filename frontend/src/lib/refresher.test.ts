import { QueryClient, QueryObserver } from '@tanstack/react-query'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { resultsListQueryKey, resultsRetrieveQueryKey } from '~/lib/generated/@tanstack/react-query.gen'
import { Refresher } from './refresher'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** From now on reading the query ``key`` takes ``ms`` each time. */
function reads(queryClient: QueryClient, queryKey: readonly unknown[], ms: number) {
  const read = vi.fn(() => new Promise((resolve) => setTimeout(() => resolve(Date.now()), ms)))
  new QueryObserver(queryClient, { queryKey, queryFn: read, initialData: 0, staleTime: Infinity }).subscribe(() => {})
  return read
}

const ONE = resultsRetrieveQueryKey({ path: { id: '1' } })
const OTHER = resultsRetrieveQueryKey({ path: { id: '2' } })

test('an event of one object is read by its page and by lists, by the page of no other', async () => {
  const queryClient = new QueryClient()
  const [one, other, list] = [ONE, OTHER, resultsListQueryKey()].map((key) => reads(queryClient, key, 10))
  const refresher = new Refresher(queryClient)
  refresher.refreshOne('results', 2)
  await vi.advanceTimersByTimeAsync(3_000)
  expect([one, other, list].map((mock) => mock?.mock.calls.length)).toEqual([0, 1, 1])
  refresher.refreshOne('results', 2)
  refresher.refreshOne('results', 1)
  refresher.refreshOne('results', 2)
  await vi.advanceTimersByTimeAsync(3_000)
  expect([one, other, list].map((mock) => mock?.mock.calls.length)).toEqual([1, 3, 3])
  refresher.refresh('results')
  refresher.refreshOne('models', 1)
  await vi.advanceTimersByTimeAsync(3_000)
  expect([one, other, list].map((mock) => mock?.mock.calls.length)).toEqual([2, 4, 4])
})

test.each([
  [10, 10, 11],
  [500, 5, 6],
])('reads of %i ms are neither cut short nor begun all the time', async (ms, least, most) => {
  const queryClient = new QueryClient()
  const read = reads(queryClient, ONE, ms)
  const refresher = new Refresher(queryClient)
  for (let at = 0; at < 10_000; at += 50) {
    refresher.refreshOne('results', 1)
    await vi.advanceTimersByTimeAsync(50)
  }
  expect(read.mock.calls.length).toBeGreaterThanOrEqual(least)
  expect(read.mock.calls.length).toBeLessThanOrEqual(most)
  await vi.advanceTimersByTimeAsync(5_000)
  // The last event came after the last read of its queries, so they are read once more.
  expect(queryClient.getQueryData(ONE)).toBeGreaterThan(Date.now() - 5_000)
})

test('a read that never ends holds up no later one, and none follows the end', async () => {
  const queryClient = new QueryClient()
  const read = reads(queryClient, ONE, 1_000_000)
  const refresher = new Refresher(queryClient)
  refresher.refresh('results')
  await vi.advanceTimersByTimeAsync(1_000)
  refresher.refresh('results')
  await vi.advanceTimersByTimeAsync(25_000)
  expect(read).toHaveBeenCalledTimes(2)
  refresher.refresh('results')
  refresher.stop()
  await vi.advanceTimersByTimeAsync(60_000)
  expect(read).toHaveBeenCalledTimes(2)
})

test('what is being read when an event comes is not cut short, and read again after that', async () => {
  const queryClient = new QueryClient()
  let cut = 0
  const read = vi.fn(({ signal }: { signal: AbortSignal }) => {
    signal.addEventListener('abort', () => (cut += 1))
    return new Promise((resolve) => setTimeout(() => resolve(1), 300))
  })
  new QueryObserver(queryClient, { queryKey: ONE, queryFn: read }).subscribe(() => {})
  await vi.advanceTimersByTimeAsync(100)
  new Refresher(queryClient).refreshOne('results', 1)
  await vi.advanceTimersByTimeAsync(100)
  expect(read).toHaveBeenCalledTimes(1)
  await vi.advanceTimersByTimeAsync(2_000)
  expect([read.mock.calls.length, cut]).toEqual([2, 0])
})

/**
 * Loads the code of the rooms one by one while nobody waits for anything, so that the frame can open each of them even
 * if the platform is unavailable by then. It starts after the first page has settled, and never where the browser is
 * asked to save data.
 */
import { useRouter } from '@tanstack/react-router'
import { useEffect } from 'react'
import { ROOMS } from './navigation'
import type { LazyPage } from './survivingPage'

/** The first page has loaded what it shows within this time. */
const REST_MS = 10_000

/**
 * Load the code of the pages in order, each when ``idle`` resolves, until ``stopped``. A page that cannot be loaded yet
 * is awaited before the next.
 */
export async function prefetch(
  pages: readonly (LazyPage | undefined)[],
  idle: () => Promise<void>,
  stopped: () => boolean,
): Promise<void> {
  for (const page of pages) {
    if (!page?.preload) continue
    await idle()
    if (stopped()) return
    // The user may have opened the page meanwhile, which has loaded its code.
    await page.preload?.()
  }
}

export function usePrefetchedRooms(): void {
  const router = useRouter()
  useEffect(() => {
    const saves = (navigator as { connection?: { saveData?: boolean } }).connection?.saveData === true
    if (saves) return
    let stopped = false
    const routes = router.routesByPath as Record<string, { options: { component?: unknown } } | undefined>
    const pages = ROOMS.map(({ to }) => routes[to]?.options.component as LazyPage | undefined)
    const timer = setTimeout(() => void prefetch(pages, whenIdle, () => stopped), REST_MS)
    return () => {
      stopped = true
      clearTimeout(timer)
    }
  }, [router])
}

function whenIdle(): Promise<void> {
  // Safari has no requestIdleCallback.
  if (!('requestIdleCallback' in window)) return new Promise((resolve) => setTimeout(resolve, 200))
  return new Promise((resolve) => requestIdleCallback(() => resolve(), { timeout: 5_000 }))
}

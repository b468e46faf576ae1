/** What a change of page means to those who do not see it: the tab has a new name, and reading goes on at its heading. */
import { useEffect, useLayoutEffect, useRef } from 'react'
import { titleOf } from './Breadcrumb'

/** A page that loads its code or data shows its heading within this time, or keeps the focus on its beginning. */
const PATIENCE_MS = 3_000

/** ``path`` is where the reader goes, ``arrived`` where the page that is shown belongs. */
export function usePageChange(path: string, arrived: string): void {
  const first = useRef(true)
  // In the layout phase, because the page names the tab after its object later.
  useLayoutEffect(() => {
    document.title = titleOf(path)
  }, [path])
  // biome-ignore lint/correctness/useExhaustiveDependencies: each new address moves the focus
  useEffect(() => {
    if (first.current) {
      first.current = false
      return
    }
    const main = document.getElementById('main')
    if (main === null || focusHeading(main)) return
    main.focus({ preventScroll: true })
    const observer = new MutationObserver(() => {
      if (focusHeading(main)) observer.disconnect()
    })
    observer.observe(main, { childList: true, subtree: true })
    const patience = setTimeout(() => observer.disconnect(), PATIENCE_MS)
    return () => {
      clearTimeout(patience)
      observer.disconnect()
    }
  }, [arrived])
}

/** True when there is nothing more to do, because the heading has the focus, or a field of the page took it. */
function focusHeading(main: HTMLElement): boolean {
  const { activeElement } = document
  if (activeElement !== main && main.contains(activeElement)) return true
  const heading = main.querySelector('h1')
  if (heading === null) return false
  heading.tabIndex = -1
  heading.focus({ preventScroll: true })
  return true
}

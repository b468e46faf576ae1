/** Makes a change of page noticeable without sight: the tab gets a new name, and the focus moves to the new heading. */
import { useEffect, useLayoutEffect, useRef } from 'react'
import { titleOf } from './Breadcrumb'

/**
 * How long to wait for the heading of a page that loads code or data. After that the focus stays at the page's start.
 */
const PATIENCE_MS = 3_000

/** ``path`` is the address that the user goes to; ``arrived`` is the address of the page that is drawn. */
export function usePageChange(path: string, arrived: string): void {
  const first = useRef(true)
  // The title is set in the layout phase, because the page itself later renames the tab after its object.
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

/**
 * Focus the heading. Returns true when nothing is left to do: the heading has the focus, or a field of the page took
 * it.
 */
function focusHeading(main: HTMLElement): boolean {
  const { activeElement } = document
  if (activeElement !== main && main.contains(activeElement)) return true
  const heading = main.querySelector('h1')
  if (heading === null) return false
  heading.tabIndex = -1
  heading.focus({ preventScroll: true })
  return true
}

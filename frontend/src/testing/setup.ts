/** What jsdom lacks and Mantine asks for. */
import '@testing-library/jest-dom/vitest'
import { cleanup, configure } from '@testing-library/react'
import { afterEach } from 'vitest'

afterEach(cleanup)
// A second otherwise, in which a busy machine may do nothing at all.
configure({ asyncUtilTimeout: 20_000 })

class NoResizeObserver implements ResizeObserver {
  observe(): void {}
  unobserve(): void {}
  disconnect(): void {}
}

window.ResizeObserver = NoResizeObserver
window.scrollTo = () => {}
Element.prototype.scrollIntoView = () => {}
// One document serves many files, and this runs before each.
Object.defineProperty(document, 'fonts', { value: new EventTarget(), configurable: true })
window.matchMedia = (query) =>
  ({
    // As browsers have it: no condition is met.
    matches: query === '',
    media: query,
    onchange: null,
    addEventListener: () => {},
    removeEventListener: () => {},
    addListener: () => {},
    removeListener: () => {},
    dispatchEvent: () => false,
  }) as MediaQueryList

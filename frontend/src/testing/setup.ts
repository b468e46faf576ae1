/** Parts of the browser that jsdom lacks and Mantine needs. */
import '@testing-library/jest-dom/vitest'
import { notifications } from '@mantine/notifications'
import { cleanup, configure } from '@testing-library/react'
import { afterEach, vi } from 'vitest'

// The chart library needs a canvas, which jsdom lacks: with it, a chart that is drawn in time ends its test.
vi.mock('~/components/charts/EChart', () => ({ default: () => null }))

afterEach(() => {
  cleanup()
  // State that libraries keep outside React is reset, because one document serves many test files.
  notifications.clean()
  notifications.cleanQueue()
  document.body.replaceChildren()
  document.title = ''
})
// The default of one second is too short for a busy machine.
configure({ asyncUtilTimeout: 20_000 })

class NoResizeObserver implements ResizeObserver {
  observe(): void {}
  unobserve(): void {}
  disconnect(): void {}
}

window.ResizeObserver = NoResizeObserver
window.scrollTo = () => {}
Element.prototype.scrollIntoView = () => {}
// The property is configurable, because this file runs before each test file, in one document for many.
Object.defineProperty(document, 'fonts', { value: new EventTarget(), configurable: true })
window.matchMedia = (query) =>
  ({
    // Behaves like a browser in which no media condition is met.
    matches: query === '',
    media: query,
    onchange: null,
    addEventListener: () => {},
    removeEventListener: () => {},
    addListener: () => {},
    removeListener: () => {},
    dispatchEvent: () => false,
  }) as MediaQueryList

/** What jsdom lacks and Mantine asks for. */
import '@testing-library/jest-dom/vitest'
import { notifications } from '@mantine/notifications'
import { cleanup, configure } from '@testing-library/react'
import { afterEach } from 'vitest'

afterEach(() => {
  cleanup()
  // One document serves many test files, so what libraries keep outside React would leak into the next one.
  notifications.clean()
  notifications.cleanQueue()
  document.body.replaceChildren()
  document.title = ''
})
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
    // Answers like a browser in which no condition is met.
    matches: query === '',
    media: query,
    onchange: null,
    addEventListener: () => {},
    removeEventListener: () => {},
    addListener: () => {},
    removeListener: () => {},
    dispatchEvent: () => false,
  }) as MediaQueryList

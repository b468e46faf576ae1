/** Where the documentation tells of a page; tests/test_documentation.py holds that these pages are there. */
import { isIn, ROOMS } from './navigation'

const PAGES: Record<(typeof ROOMS)[number]['to'], string> = {
  '/': '',
  '/models': 'tutorial/',
  '/configurations': 'tutorial/',
  '/training': 'tutorial/',
  '/inference': 'tutorial/',
  '/streams': 'wire/',
  '/datasets': 'datasets/',
  '/topics': 'datasets/',
  '/visualise': 'tutorial/',
  '/system': 'troubleshooting/',
}

/** The address of the documentation's page for the page at ``path``. */
export function helpAddress(path: string): string {
  const room = ROOMS.find((each) => isIn(each.to, path))
  return `/docs/${room ? PAGES[room.to] : ''}`
}

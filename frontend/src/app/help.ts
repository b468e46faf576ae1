/** Where the documentation tells of a page; tests/test_documentation.py holds that these pages are there. */
import { isIn, ROOMS } from './navigation'

const PAGES: Record<(typeof ROOMS)[number]['to'], string> = {
  '/': 'journey/',
  '/models': 'tutorial/#models',
  '/configurations': 'tutorial/#configuration',
  '/training': 'tutorial/#training',
  '/inference': 'tutorial/#inference',
  '/streams': 'wire/',
  '/datasets': 'datasets/',
  '/topics': 'datasets/',
  '/visualise': 'tutorial/#visualisation',
  '/system': 'troubleshooting/',
}

/** The address of the documentation's page for the page at ``path``. */
export function helpAddress(path: string): string {
  if (path === '/examples') return '/docs/examples/'
  const room = ROOMS.find((candidate) => isIn(candidate.to, path))
  return `/docs/${room ? PAGES[room.to] : ''}`
}

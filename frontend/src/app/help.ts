/**
 * Which page of the documentation explains which page of the product. tests/test_documentation.py checks that they
 * exist.
 */
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

/** The rooms of the product, in the order of the work. */
import {
  IconActivity,
  IconBox,
  IconBroadcast,
  IconChartLine,
  IconDatabase,
  IconSchool,
  IconServer,
  IconSitemap,
  IconStack2,
  IconTable,
} from '@tabler/icons-react'

export const ROOMS = [
  { to: '/', label: 'Pipeline', icon: IconSitemap, key: 'p' },
  { to: '/models', label: 'Models', icon: IconBox, key: 'm' },
  { to: '/configurations', label: 'Configurations', icon: IconStack2, key: 'c' },
  { to: '/training', label: 'Training', icon: IconSchool, key: 't' },
  { to: '/inference', label: 'Inference', icon: IconBroadcast, key: 'i' },
  { to: '/streams', label: 'Streams', icon: IconActivity, key: 's' },
  { to: '/datasets', label: 'Data sets', icon: IconTable, key: 'd' },
  { to: '/topics', label: 'Topics', icon: IconDatabase, key: 'o' },
  { to: '/visualise', label: 'Visualise', icon: IconChartLine, key: 'v' },
  { to: '/system', label: 'System', icon: IconServer, key: 'y' },
] as const

/** Rooms in the phone's bottom bar; the others are under More. */
export const BAR_ROOMS: readonly string[] = ['/', '/models', '/training', '/inference']

/** Whether the page at ``path`` belongs to a room. */
export function isIn(room: string, path: string): boolean {
  if (room === '/') return path === '/'
  // Results belong to Training, because a training run made them. Clusters and webhooks are reached from System.
  const owner = path.startsWith('/results') ? '/training' : ['/clusters', '/webhooks'].includes(path) ? '/system' : path
  return owner === room || owner.startsWith(`${room}/`)
}

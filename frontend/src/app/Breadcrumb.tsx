/** Where the page is: room, then object. An object is shown by its number, because its name is in the page's title. */
import { Anchor, Breadcrumbs, Text } from '@mantine/core'
import { Link, useRouterState } from '@tanstack/react-router'
import { Logo } from '~/components/Logo'
import classes from './AppLayout.module.css'
import { ROOMS } from './navigation'

const WORDS: Record<string, { label: string; to?: string }> = {
  new: { label: 'New' },
  chain: { label: 'Chain' },
  compare: { label: 'Compare' },
  examples: { label: 'Examples' },
  account: { label: 'Account' },
  users: { label: 'Users' },
  audit: { label: 'Audit trail' },
  clusters: { label: 'Clusters' },
  webhooks: { label: 'Webhooks' },
  results: { label: 'Training', to: '/training' },
}

/** The parts of an address in words: the room (with its address) and what is below it. */
export function partsOf(path: string): { first: { label: string; to?: string } | undefined; rest: string[] } {
  const parts = path.split('/').filter(Boolean)
  const room = ROOMS.find((candidate) => candidate.to === `/${parts[0] ?? ''}`)
  const first = room ? { label: room.label, to: room.to } : WORDS[parts[0] ?? '']
  const below = parts.slice(1).filter((part) => !(parts[0] === 'results' && part === 'versions'))
  const rest = below.map((part, place) => {
    const text = decoded(part)
    if (parts[0] === 'results') return `${place === 0 ? 'Result' : 'Version'} ${text}`
    return WORDS[text]?.label ?? (/^\d+$/.test(text) ? `#${text}` : text)
  })
  return { first, rest }
}

/** The tab's name for an address, until the page itself knows better. */
export function titleOf(path: string): string {
  const { first, rest } = partsOf(path)
  return [...rest.toReversed(), path === '/' ? 'Pipeline' : first?.label, 'Kafka-ML'].filter(Boolean).join(' · ')
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

export function Breadcrumb() {
  const path = useRouterState({ select: (state) => state.location.pathname })
  const { first, rest } = partsOf(path)
  return (
    <Breadcrumbs component="nav" aria-label="Breadcrumb" separatorMargin={6} className={classes.crumbs} fz="sm">
      <Link to="/" className={classes.crumbHome} aria-label="Kafka-ML, pipeline">
        <Logo size={24} />
      </Link>
      {first && (
        <Anchor component={Link} to={first.to ?? path} size="sm">
          {first.label}
        </Anchor>
      )}
      {rest.map((text) => (
        <Text key={text} size="sm" truncate>
          {text}
        </Text>
      ))}
    </Breadcrumbs>
  )
}

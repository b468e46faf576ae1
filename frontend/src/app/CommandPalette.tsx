/** Ctrl/Cmd+K: go to rooms and objects by name or number, and do things. Loaded when it is first opened. */
import '@mantine/spotlight/styles.css'
import { useMantineColorScheme } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { createSpotlight, Spotlight } from '@mantine/spotlight'
import { IconSearch } from '@tabler/icons-react'
import { useNavigate } from '@tanstack/react-router'
import { useEffect, useState } from 'react'
import { SmallPrint } from '~/components/Dimmed'
import { StatusBadge } from '~/components/StatusBadge'
import { useLive } from '~/lib/live'
import { useSession } from '~/lib/session'
import classes from './CommandPalette.module.css'
import { ROOMS } from './navigation'
import { useFound } from './paletteObjects'

const [store, palette] = createSpotlight()

interface Command {
  label: string
  /** Further words that people may type to find this entry. */
  also?: string
  run: () => void
}

export default function CommandPalette({ openings, onSheet }: { openings: number; onSheet: () => void }) {
  const [query, setQuery] = useState('')
  const [asked] = useDebouncedValue(query, 200)
  const navigate = useNavigate()
  const objects = useFound(asked)
  const commands = useCommands(onSheet)
  // Every press of the shortcut opens the palette, including the press that loaded this code.
  useEffect(() => {
    if (openings > 0) palette.open()
  }, [openings])
  // Results of the search arrive after the typing and are inserted above the commands. The first row is selected again,
  // so that Enter takes it, unless the arrow keys have moved the selection.
  useEffect(() => {
    const { listId, selected } = store.getState()
    const list = document.getElementById(listId)
    if (objects.length === 0 || list === null || selected > 0) return
    list.querySelector('[data-selected]')?.removeAttribute('data-selected')
    list.querySelector('[data-action]')?.setAttribute('data-selected', 'true')
    store.updateState((state) => ({ ...state, selected: 0 }))
  }, [objects])
  const words = query.trim().toLowerCase()
  const has = (label: string, also = '') => `${label} ${also}`.toLowerCase().includes(words)
  const rooms = ROOMS.filter((room) => has(room.label))
  const actions = commands.filter((command) => has(command.label, command.also))
  const waiting = asked !== query
  return (
    <Spotlight.Root
      store={store}
      query={query}
      onQueryChange={setQuery}
      shortcut={null}
      // The palette opens empty each time.
      onSpotlightClose={() => setQuery('')}
      clearQueryOnClose
      scrollable
      overlayProps={{ blur: 0 }}
      classNames={{ action: classes.action, actionDescription: classes.description }}
      attributes={{ content: { 'aria-label': 'Search and commands' } }}
    >
      <Spotlight.Search
        placeholder="Go to a page, find by name or number, or run a command…"
        aria-label="Search and commands"
        leftSection={<IconSearch size={18} aria-hidden />}
      />
      <Spotlight.ActionsList>
        {rooms.length > 0 && (
          <Spotlight.ActionsGroup label="Pages">
            {rooms.map((room) => (
              <Spotlight.Action
                key={room.to}
                label={room.label}
                leftSection={<room.icon size={18} aria-hidden />}
                rightSection={<SmallPrint>g {room.key}</SmallPrint>}
                onClick={() => void navigate({ to: room.to })}
              />
            ))}
          </Spotlight.ActionsGroup>
        )}
        {objects.length > 0 && (
          <Spotlight.ActionsGroup label="Objects">
            {objects.map((found) => (
              <Spotlight.Action
                key={found.key}
                label={found.name}
                description={found.id === null ? found.kind : `${found.kind} ${found.id}`}
                rightSection={found.state ? <StatusBadge state={found.state} /> : null}
                onClick={() => void navigate({ to: found.to })}
              />
            ))}
          </Spotlight.ActionsGroup>
        )}
        {actions.length > 0 && (
          <Spotlight.ActionsGroup label="Actions">
            {actions.map((action) => (
              <Spotlight.Action key={action.label} label={action.label} onClick={action.run} />
            ))}
          </Spotlight.ActionsGroup>
        )}
        {objects.length + rooms.length + actions.length === 0 && (
          <Spotlight.Empty>{waiting ? 'Looking…' : 'No match'}</Spotlight.Empty>
        )}
      </Spotlight.ActionsList>
    </Spotlight.Root>
  )
}

function useCommands(onSheet: () => void): Command[] {
  const navigate = useNavigate()
  const { can, signOut } = useSession()
  const { setColorScheme } = useMantineColorScheme()
  const { paused, setPaused } = useLive()
  const go = (label: string, to: string, also = ''): Command => ({ label, also, run: () => void navigate({ to }) })
  return [
    ...(can('editor')
      ? [
          go('New model', '/models/new'),
          go('New configuration', '/configurations/new'),
          go('New data set', '/datasets/new'),
          go('Deploy for training', '/training/new', 'train a model'),
          go('Serve a model', '/inference/new', 'deploy for inference'),
          go('Serve a chain', '/inference/chain', 'deploy, tiers'),
        ]
      : []),
    { label: paused ? 'Resume live updates' : 'Pause live updates', run: () => setPaused(!paused) },
    { label: 'Theme: light', run: () => setColorScheme('light') },
    { label: 'Theme: dark', run: () => setColorScheme('dark') },
    { label: 'Theme: same as system', run: () => setColorScheme('auto') },
    go('Training runs', '/training?tab=runs', 'results'),
    go('Examples', '/examples', 'run, digits, machines, demo'),
    go('Account and access tokens', '/account', 'password, profile'),
    ...(can('admin')
      ? [
          go('Users and roles', '/users'),
          go('Audit trail', '/audit'),
          go('Other clusters', '/clusters'),
          go('Webhooks', '/webhooks'),
        ]
      : []),
    { label: 'Documentation', run: () => void window.open('/docs/', '_blank', 'noopener') },
    { label: 'Keyboard shortcuts', run: onSheet },
    { label: 'Sign out', also: 'log out, logout', run: () => void signOut() },
  ]
}

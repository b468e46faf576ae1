/** Ctrl/Cmd+K: go anywhere by name. */
import { Spotlight, spotlight } from '@mantine/spotlight'
import { IconSearch } from '@tabler/icons-react'
import { useNavigate } from '@tanstack/react-router'
import { ROOMS } from './navigation'

export const openPalette = spotlight.open

export function CommandPalette() {
  const navigate = useNavigate()
  const actions = ROOMS.map((room) => ({
    id: room.to,
    label: room.label,
    leftSection: <room.icon size={18} aria-hidden />,
    onClick: () => void navigate({ to: room.to }),
  }))
  return (
    <Spotlight
      actions={actions}
      nothingFound="Nothing found"
      highlightQuery
      tagsToIgnore={[]}
      triggerOnContentEditable
      searchProps={{ leftSection: <IconSearch size={18} aria-hidden />, placeholder: 'Go to…', 'aria-label': 'Go to' }}
    />
  )
}

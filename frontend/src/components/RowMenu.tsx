/** A menu of actions behind three dots. */
import { ActionIcon, type ActionIconProps, Menu } from '@mantine/core'
import { IconDots } from '@tabler/icons-react'
import type { ReactNode } from 'react'

export interface MenuAction {
  label: string
  onClick?: () => void
  /** Address of a file to download, for an action that downloads instead of calling ``onClick``. */
  file?: string
  /** Whether the action destroys something. */
  danger?: boolean
  icon?: ReactNode
  disabled?: boolean
}

interface ActionMenuProps extends Pick<ActionIconProps, 'variant' | 'color'> {
  label: string
  actions: readonly MenuAction[]
}

export function ActionMenu({ label, actions, ...button }: ActionMenuProps) {
  return (
    <Menu position="bottom-end" withinPortal>
      <Menu.Target>
        <ActionIcon aria-label={label} {...button}>
          <IconDots size={16} aria-hidden />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {actions.map((action) => (
          <Menu.Item
            key={action.label}
            leftSection={action.icon}
            onClick={action.onClick}
            disabled={action.disabled}
            {...(action.file !== undefined && { component: 'a' as const, href: action.file, download: true })}
            style={action.danger ? { color: 'var(--kml-failed)' } : {}}
          >
            {action.label}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  )
}

/** The menu of actions for one row of a list. */
export function RowMenu({ name, actions }: { name: string; actions: readonly MenuAction[] }) {
  return <ActionMenu label={`Actions for ${name}`} actions={actions} variant="subtle" color="gray" />
}

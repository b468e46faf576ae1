/** The navigation of a phone: four rooms within reach of the thumb, the others under More. */
import { Box, Menu, UnstyledButton } from '@mantine/core'
import { IconDots } from '@tabler/icons-react'
import { Link, useNavigate } from '@tanstack/react-router'
import classes from './AppLayout.module.css'
import { BAR_ROOMS, isIn, ROOMS } from './navigation'

export function BottomBar({ path }: { path: string }) {
  const navigate = useNavigate()
  const shown = ROOMS.filter((room) => BAR_ROOMS.includes(room.to))
  const more = ROOMS.filter((room) => !BAR_ROOMS.includes(room.to))
  const inMore = more.find((room) => isIn(room.to, path))
  return (
    <Box component="nav" aria-label="Pages, bottom bar" className={classes.bottom} hiddenFrom="sm">
      {shown.map((room) => {
        const here = isIn(room.to, path)
        return (
          <Link
            key={room.to}
            to={room.to}
            className={classes.bottomRoom}
            data-here={here || undefined}
            aria-current={here ? 'page' : undefined}
          >
            <room.icon size={20} stroke={1.7} aria-hidden />
            <span>{room.label}</span>
          </Link>
        )
      })}
      <Menu position="top-end" width={200}>
        <Menu.Target>
          <UnstyledButton className={classes.bottomRoom} data-here={inMore ? true : undefined}>
            <IconDots size={20} stroke={1.7} aria-hidden />
            <span>{inMore ? inMore.label : 'More'}</span>
          </UnstyledButton>
        </Menu.Target>
        <Menu.Dropdown>
          {more.map((room) => (
            <Menu.Item
              key={room.to}
              leftSection={<room.icon size={18} aria-hidden />}
              onClick={() => void navigate({ to: room.to })}
              aria-current={room === inMore ? 'page' : undefined}
            >
              {room.label}
            </Menu.Item>
          ))}
        </Menu.Dropdown>
      </Menu>
    </Box>
  )
}

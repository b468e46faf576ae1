/** The frame: rail on the left (bottom bar on a phone), top line with breadcrumb, live mark, theme and person. */
import {
  ActionIcon,
  AppShell,
  Box,
  Group,
  Menu,
  Text,
  Tooltip,
  UnstyledButton,
  useMantineColorScheme,
} from '@mantine/core'
import { useLocalStorage } from '@mantine/hooks'
import {
  IconChevronsLeft,
  IconChevronsRight,
  IconDeviceDesktop,
  IconHelp,
  IconList,
  IconLogout,
  IconMoon,
  IconSearch,
  IconSun,
  IconUser,
  IconUsers,
} from '@tabler/icons-react'
import { CatchBoundary, Link, useNavigate, useRouterState } from '@tanstack/react-router'
import { lazy, type ReactNode, Suspense, useState } from 'react'
import { SmallPrint } from '~/components/Dimmed'
import { LiveMark } from '~/components/LiveMark'
import { Logo } from '~/components/Logo'
import { useLive } from '~/lib/live'
import { useSession } from '~/lib/session'
import classes from './AppLayout.module.css'
import { BottomBar } from './BottomBar'
import { Breadcrumb } from './Breadcrumb'
import { helpAddress } from './help'
import { isIn, ROOMS } from './navigation'
import { usePrefetchedRooms } from './prefetch'
import { usePageChange } from './usePageChange'
import { useShortcuts } from './useShortcuts'

const CommandPalette = lazy(() => import('./CommandPalette'))
const ShortcutSheet = lazy(() => import('./ShortcutSheet'))

export function AppLayout({ children }: { children: ReactNode }) {
  const [narrow, setNarrow] = useLocalStorage({ key: 'kml-rail-narrow', defaultValue: false })
  const { state } = useLive()
  const path = useRouterState({ select: (router) => router.location.pathname })
  // How often the command palette was opened. Its code is loaded only once this is above 0.
  const [openings, setOpenings] = useState(0)
  const [sheet, setSheet] = useState<boolean | null>(null)
  const openPalette = () => setOpenings((count) => count + 1)
  // The address of the page that is drawn. Until the next page has loaded, the heading is still that of the old page.
  const arrived = useRouterState({ select: (router) => (router.resolvedLocation ?? router.location).pathname })
  usePageChange(path, arrived)
  usePrefetchedRooms()
  useShortcuts({ onPalette: openPalette, onSheet: () => setSheet(true) })
  return (
    <AppShell
      layout="alt"
      header={{ height: 44 }}
      navbar={{ width: narrow ? 56 : 208, breakpoint: 'sm', collapsed: { mobile: true } }}
      padding={{ base: 'sm', sm: 'lg' }}
    >
      <a href="#main" className={classes.skip}>
        Skip to the content
      </a>
      <AppShell.Header className={classes.header}>
        <Group h="100%" px="sm" justify="space-between" wrap="nowrap" gap="xs">
          <Breadcrumb />
          <Group gap={4} wrap="nowrap">
            <LiveMark />
            <Tooltip label="Search and commands (Ctrl+K)">
              <ActionIcon variant="subtle" color="gray" aria-label="Search and commands" onClick={openPalette}>
                <IconSearch size={18} aria-hidden />
              </ActionIcon>
            </Tooltip>
            <Tooltip label="Help: the documentation of this page">
              <ActionIcon
                variant="subtle"
                color="gray"
                aria-label="Help"
                component="a"
                href={helpAddress(path)}
                target="_blank"
              >
                <IconHelp size={18} aria-hidden />
              </ActionIcon>
            </Tooltip>
            <ThemeMenu />
            <PersonMenu />
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar className={classes.rail}>
        <nav aria-label="Pages" className={classes.rooms}>
          <Link to="/" className={classes.home} aria-label="Kafka-ML, pipeline">
            <Logo size={24} />
            {!narrow && <span>Kafka-ML</span>}
          </Link>
          {ROOMS.map((room) => {
            const here = isIn(room.to, path)
            return (
              <Tooltip key={room.to} label={room.label} position="right" disabled={!narrow}>
                <Link
                  to={room.to}
                  className={classes.room}
                  data-here={here || undefined}
                  aria-current={here ? 'page' : undefined}
                  aria-label={room.label}
                >
                  <room.icon size={18} stroke={1.7} aria-hidden />
                  {!narrow && <span>{room.label}</span>}
                </Link>
              </Tooltip>
            )
          })}
        </nav>
        <UnstyledButton
          className={classes.fold}
          onClick={() => setNarrow(!narrow)}
          aria-label={narrow ? 'Expand the sidebar' : 'Collapse the sidebar'}
        >
          {narrow ? <IconChevronsRight size={16} aria-hidden /> : <IconChevronsLeft size={16} aria-hidden />}
        </UnstyledButton>
      </AppShell.Navbar>
      <AppShell.Main id="main" tabIndex={-1} className={classes.main} data-stale={state === 'lost' || undefined}>
        {children}
      </AppShell.Main>
      <BottomBar path={path} />
      {/* Code that cannot be loaded (a newer version is installed) must not take the page with it. */}
      <CatchBoundary getResetKey={() => openings} errorComponent={() => null}>
        <Suspense>
          {openings > 0 && <CommandPalette openings={openings} onSheet={() => setSheet(true)} />}
          {sheet !== null && <ShortcutSheet opened={sheet} onClose={() => setSheet(false)} />}
        </Suspense>
      </CatchBoundary>
    </AppShell>
  )
}

const SCHEMES = [
  { value: 'light', label: 'Light', icon: IconSun },
  { value: 'dark', label: 'Dark', icon: IconMoon },
  { value: 'auto', label: 'Same as system', icon: IconDeviceDesktop },
] as const

function ThemeMenu() {
  const { colorScheme, setColorScheme } = useMantineColorScheme()
  const present = SCHEMES.find((scheme) => scheme.value === colorScheme) ?? SCHEMES[2]
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" aria-label={`Theme: ${present.label}`}>
          <present.icon size={18} aria-hidden />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {SCHEMES.map((scheme) => (
          <Menu.Item
            key={scheme.value}
            leftSection={<scheme.icon size={16} aria-hidden />}
            onClick={() => setColorScheme(scheme.value)}
          >
            {scheme.label}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  )
}

function PersonMenu() {
  const { user, can, signOut } = useSession()
  const navigate = useNavigate()
  return (
    <Menu position="bottom-end" width={220}>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" aria-label={`Account of ${user.username}`}>
          <IconUser size={18} aria-hidden />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Box px="sm" py={6}>
          <Text size="sm" fw={600}>
            {user.username}
          </Text>
          <SmallPrint>{user.role}</SmallPrint>
        </Box>
        <Menu.Divider />
        <Menu.Item leftSection={<IconUser size={16} aria-hidden />} onClick={() => void navigate({ to: '/account' })}>
          Account and tokens
        </Menu.Item>
        {can('admin') && (
          <Menu.Item leftSection={<IconUsers size={16} aria-hidden />} onClick={() => void navigate({ to: '/users' })}>
            Users and roles
          </Menu.Item>
        )}
        {can('admin') && (
          <Menu.Item leftSection={<IconList size={16} aria-hidden />} onClick={() => void navigate({ to: '/audit' })}>
            Audit trail
          </Menu.Item>
        )}
        <Menu.Item leftSection={<IconLogout size={16} aria-hidden />} onClick={() => void signOut()}>
          Sign out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  )
}

/** The frame of every object: name, state, age, the actions that make sense now, the rest in a menu; then tabs. */
import { Box, Group, Skeleton, Stack, Tabs, Text, Title } from '@mantine/core'
import type { UseQueryResult } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { usePageTitle } from '~/lib/pageTitle'
import { problemOf } from '~/lib/problem'
import { Age } from './Age'
import { CopyButton } from './CopyButton'
import { EmptyState } from './EmptyState'
import { ProblemAlert } from './ProblemAlert'
import { ActionMenu, type MenuAction } from './RowMenu'
import { StatusBadge } from './StatusBadge'
import { useActiveTabInView } from './useActiveTabInView'

export interface Tab {
  value: string
  label: ReactNode
  /** Builds the content. Called only while the tab is shown. */
  content: () => ReactNode
}

export function ObjectPage({
  what,
  id,
  title,
  state,
  stateTooltip,
  createdAt,
  subtitle,
  actions,
  menu,
  alerts,
  tabs,
  tab,
  onTab,
  children,
  query,
}: {
  /** The kind of the object: 'Model', 'Deployment', ... */
  what: string
  id?: number
  title: ReactNode
  state?: string | undefined
  stateTooltip?: string | undefined
  createdAt?: string | undefined
  subtitle?: ReactNode
  actions?: ReactNode
  menu?: readonly MenuAction[]
  alerts?: ReactNode
  tabs?: readonly Tab[]
  tab?: string | undefined
  onTab?: (tab: string) => void
  children?: ReactNode
  /** The query that reads the object. Its last data stay on the page while it reads again, and when that fails. */
  query?: Pick<UseQueryResult<unknown, unknown>, 'data' | 'isPlaceholderData' | 'error' | 'refetch'>
}) {
  const list = useActiveTabInView(tab)
  // Placeholder data belong to the object at the previous address.
  const known = query === undefined || (query.data !== undefined && !query.isPlaceholderData)
  usePageTitle(known && typeof title === 'string' ? `${title} · ${what} ${id ?? ''}`.trim() : undefined)
  if (!known) {
    if (!query.error) return <ObjectSkeleton />
    if (problemOf(query.error).status === 404) {
      return (
        <EmptyState
          order={1}
          title={`${what} ${id === undefined || Number.isNaN(id) ? '' : id} not found`.replace('  ', ' ')}
        >
          It may have been deleted, or the address is incomplete.
        </EmptyState>
      )
    }
    const retry = () => void query.refetch()
    return <ProblemAlert error={query.error} title={`${what} ${id ?? ''} could not be loaded`} onRetry={retry} />
  }
  const shown = tabs?.find((candidate) => candidate.value === tab) ?? tabs?.[0]
  return (
    <Stack gap="md">
      <Group justify="space-between" align="flex-start" gap="md">
        <Box style={{ minWidth: 0 }}>
          <Group gap="sm">
            <Title order={1} style={{ overflowWrap: 'anywhere' }}>
              {title}
            </Title>
            {state && <StatusBadge state={state} tooltip={stateTooltip} />}
          </Group>
          <Group gap={6} c="dimmed" fz="sm">
            {id !== undefined && (
              <Group gap={0}>
                <Text size="sm">
                  {what} {id}
                </Text>
                <CopyButton text={String(id)} what="id" />
              </Group>
            )}
            {createdAt && (
              <Text size="sm" component="div">
                created <Age at={createdAt} size="sm" display="inline" />
              </Text>
            )}
            {subtitle}
          </Group>
        </Box>
        <Group gap="xs">
          {actions}
          {menu && menu.length > 0 && <ActionMenu label="More actions" actions={menu} variant="default" />}
        </Group>
      </Group>
      {alerts}
      {tabs && shown && (
        <Tabs value={shown.value} onChange={(next) => next && onTab?.(next)} keepMounted={false}>
          <Tabs.List ref={list} style={{ flexWrap: 'nowrap', overflowX: 'auto', overflowY: 'hidden' }}>
            {tabs.map((listed) => (
              <Tabs.Tab key={listed.value} value={listed.value} style={{ flex: 'none' }}>
                {listed.label}
              </Tabs.Tab>
            ))}
          </Tabs.List>
          <Tabs.Panel value={shown.value} pt="md">
            {shown.content()}
          </Tabs.Panel>
        </Tabs>
      )}
      {children}
    </Stack>
  )
}

function ObjectSkeleton() {
  return (
    <Stack gap="md" role="status" aria-busy aria-label="Loading">
      <Skeleton height={28} width={280} />
      <Skeleton height={16} width={180} />
      <Skeleton height={200} />
    </Stack>
  )
}

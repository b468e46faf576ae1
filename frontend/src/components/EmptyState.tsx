/**
 * Shown in place of a list without rows: what belongs here, how to get the first one, as a command too, or by an
 * example.
 */
import { Code, Group, Stack, Text, Title } from '@mantine/core'
import type { ReactNode } from 'react'
import { CopyButton } from './CopyButton'
import { type OfferedExample, RunExample } from './RunExample'

export function EmptyState({
  title,
  order = 2,
  children,
  action,
  command,
  example,
}: {
  title: string
  /** The level of the heading: 1 when the page shows nothing else. */
  order?: 1 | 2
  children?: ReactNode
  action?: ReactNode
  command?: string
  /** The example that makes objects of this kind. */
  example?: OfferedExample
}) {
  return (
    <Stack align="center" gap="sm" py={48} px="md" ta="center">
      <Title order={order}>{title}</Title>
      {children && (
        <Text c="dimmed" maw={520} component="div">
          {children}
        </Text>
      )}
      {action}
      {command && (
        <Group gap={4} wrap="nowrap" maw="100%">
          <Code style={{ overflowX: 'auto' }}>{command}</Code>
          <CopyButton text={command} what="command" />
        </Group>
      )}
      {example && <RunExample name={example} />}
    </Stack>
  )
}

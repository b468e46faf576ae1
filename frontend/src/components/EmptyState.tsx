/** A list without rows teaches: what belongs here, how to get the first one, and the same as a command. */
import { Code, Group, Stack, Text, Title } from '@mantine/core'
import type { ReactNode } from 'react'
import { CopyButton } from './CopyButton'

export function EmptyState({
  title,
  children,
  action,
  command,
}: {
  title: string
  children?: ReactNode
  action?: ReactNode
  command?: string
}) {
  return (
    <Stack align="center" gap="sm" py={48} px="md" ta="center">
      <Title order={2}>{title}</Title>
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
    </Stack>
  )
}

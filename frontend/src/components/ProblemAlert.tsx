/** A problem shown in the page, where it can be read and copied: cause, place, what to do. */
import { Alert, Button, Code, Group, List, Stack, Text } from '@mantine/core'
import { IconAlertTriangle } from '@tabler/icons-react'
import type { ReactNode } from 'react'
import { problemOf } from '~/lib/problem'
import { CopyButton } from './CopyButton'

export function ProblemAlert({
  error,
  title,
  onRetry,
  children,
}: {
  error: unknown
  title?: string
  onRetry?: () => void
  children?: ReactNode
}) {
  if (error === null || error === undefined) return null
  const problem = problemOf(error)
  // A field's message that equals the message of the whole problem is not repeated.
  const said = problem.document.detail
  const fields = problem.fields.filter(({ field, detail }) => detail !== said && `${field}: ${detail}` !== said)
  return (
    <Alert role="alert" color="red" icon={<IconAlertTriangle aria-hidden />} title={title ?? problem.document.title}>
      <Stack gap="xs">
        <Text size="sm">{problem.document.detail}</Text>
        {fields.length > 0 && (
          <List size="sm">
            {fields.map((field) => (
              <List.Item key={`${field.field}:${field.detail}`}>
                <Code>{field.field}</Code> {field.detail}
                {field.hint ? ` (${field.hint})` : ''}
              </List.Item>
            ))}
          </List>
        )}
        {problem.document.users && problem.document.users.length > 0 && (
          <List size="sm">
            {problem.document.users.map((user) => (
              <List.Item key={`${user.type}-${user.id}`}>
                {String(user.type)} {String(user.name)}
              </List.Item>
            ))}
          </List>
        )}
        {problem.hint && (
          <Text size="sm">
            <b>What to do:</b> {problem.hint}
          </Text>
        )}
        {children}
        <Group gap="xs">
          {onRetry && (
            <Button variant="default" onClick={onRetry}>
              Try again
            </Button>
          )}
          <CopyButton text={problem.toText()} label="Copy" />
        </Group>
      </Stack>
    </Alert>
  )
}

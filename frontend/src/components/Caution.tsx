/** A list of warnings, one line each. */
import { Alert, List } from '@mantine/core'
import { IconAlertTriangle } from '@tabler/icons-react'
import type { ReactNode } from 'react'

export function Caution({
  title,
  texts,
  children,
}: {
  title: string
  texts: readonly string[]
  /** Content shown after the warnings. */
  children?: ReactNode
}) {
  return (
    <Alert color="yellow" icon={<IconAlertTriangle aria-hidden />} title={title}>
      <List size="sm">
        {texts.map((text) => (
          <List.Item key={text} style={{ overflowWrap: 'anywhere' }}>
            {text}
          </List.Item>
        ))}
      </List>
      {children}
    </Alert>
  )
}

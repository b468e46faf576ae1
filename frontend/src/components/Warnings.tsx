/** What a finished training warns of: shown with the result, and where one is about to serve it. */
import { Alert, List } from '@mantine/core'
import { IconAlertTriangle } from '@tabler/icons-react'
import { plural } from '~/lib/format'

export function Warnings({ texts, of }: { texts: readonly string[]; of?: string }) {
  const count = texts.length === 1 ? 'A warning' : plural(texts.length, 'warning')
  return (
    <Alert color="yellow" icon={<IconAlertTriangle aria-hidden />} title={of ? `${count} of ${of}` : count}>
      <List size="sm">
        {texts.map((text) => (
          <List.Item key={text} style={{ overflowWrap: 'anywhere' }}>
            {text}
          </List.Item>
        ))}
      </List>
    </Alert>
  )
}

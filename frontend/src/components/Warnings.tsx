/** What a finished training warns of: shown with the result, and where one is about to serve it. */
import { List } from '@mantine/core'
import { plural } from '~/lib/format'
import { Notice } from './Notice'

export function Warnings({ texts, of }: { texts: readonly string[]; of?: string }) {
  const count = texts.length === 1 ? 'A warning' : plural(texts.length, 'warning')
  return (
    <Notice title={of ? `${count} of ${of}` : count}>
      <List size="sm">
        {texts.map((text) => (
          <List.Item key={text} style={{ overflowWrap: 'anywhere' }}>
            {text}
          </List.Item>
        ))}
      </List>
    </Notice>
  )
}

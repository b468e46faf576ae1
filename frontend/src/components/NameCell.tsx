/** The name of an object in a list: a link to its page, and one line about it below. */
import { Text } from '@mantine/core'
import type { ReactNode } from 'react'

export function NameCell({ children, description }: { children: ReactNode; description?: string }) {
  return (
    <>
      {/* The element takes the width that is left. As wide as its text, it would leave no room for the column's
          title on a card. */}
      <div style={{ overflowWrap: 'anywhere' }}>{children}</div>
      {description && (
        <Text size="xs" c="dimmed" lineClamp={1} maw={360} style={{ overflowWrap: 'anywhere' }}>
          {description}
        </Text>
      )}
    </>
  )
}

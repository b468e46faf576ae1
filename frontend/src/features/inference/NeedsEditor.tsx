/** The page of a form that puts models to work, for people who may only look. */
import { Stack, Text } from '@mantine/core'
import type { ReactNode } from 'react'

export function NeedsEditor({ title }: { title: ReactNode }) {
  return (
    <Stack>
      {title}
      <Text size="sm">Serving a model needs the role of an editor: ask an administrator.</Text>
    </Stack>
  )
}

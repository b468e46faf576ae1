/** The page of a form that puts models to work, for people who may only look. */
import { Stack, Text } from '@mantine/core'
import type { ReactNode } from 'react'

export function NeedsEditor({ title }: { title: ReactNode }) {
  return (
    <Stack>
      {title}
      <Text size="sm">You need the editor role to serve a model: ask an admin.</Text>
    </Stack>
  )
}

/** Shown in place of a form that serves models to users who may only view. */
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

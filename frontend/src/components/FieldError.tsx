/** An error of a field that has no place for errors of its own. */
import { Text } from '@mantine/core'
import type { ReactNode } from 'react'

export function FieldError({ error }: { error: ReactNode }) {
  if (!error) return null
  return (
    <Text size="xs" mt={4} c="var(--kml-failed)" role="alert">
      {error}
    </Text>
  )
}

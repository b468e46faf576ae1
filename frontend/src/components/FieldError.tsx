/** What is wrong with a field, where the field cannot say it itself. */
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

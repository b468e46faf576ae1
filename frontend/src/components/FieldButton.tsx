/** The button next to the fields of a one-line form. It stays level with the fields when an error stands below one. */
import { Button, Input } from '@mantine/core'
import type { ReactNode } from 'react'

export function FieldButton({ loading, children }: { loading: boolean; children: ReactNode }) {
  return (
    // An empty label takes the height that the fields' labels take.
    <Input.Wrapper size="xs" label={'\u00a0'} labelElement="div">
      <Button type="submit" loading={loading} style={{ display: 'block' }}>
        {children}
      </Button>
    </Input.Wrapper>
  )
}

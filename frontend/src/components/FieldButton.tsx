/** The button of a form of one line, next to its fields: as low as they are, also where an error stands below one. */
import { Button, Input } from '@mantine/core'
import type { ReactNode } from 'react'

export function FieldButton({ loading, children }: { loading: boolean; children: ReactNode }) {
  return (
    // The room of a label, with nothing in it.
    <Input.Wrapper size="xs" label={'\u00a0'} labelElement="div">
      <Button type="submit" loading={loading} style={{ display: 'block' }}>
        {children}
      </Button>
    </Input.Wrapper>
  )
}

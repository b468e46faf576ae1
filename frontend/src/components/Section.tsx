/** A part of a page under a heading of its own. */
import { Box, Title } from '@mantine/core'
import type { ReactNode } from 'react'

export function Section({ title, children }: { title: ReactNode; children: ReactNode }) {
  return (
    <Box component="section" style={{ minWidth: 0 }}>
      <Title order={2} mb="xs">
        {title}
      </Title>
      {children}
    </Box>
  )
}

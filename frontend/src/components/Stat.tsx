/** One number with its name: the main answer of a page at a glance. */
import { Box, Text, Tooltip } from '@mantine/core'
import type { ReactNode } from 'react'
import { SmallPrint } from './Dimmed'

export function Stat({
  name,
  value,
  exact,
  note,
}: {
  name: string
  value: ReactNode
  exact?: string
  note?: ReactNode
}) {
  const shown = (
    <Text fz="1.375rem" fw={600} lh={1.3} component="div">
      {value}
    </Text>
  )
  return (
    <Box miw={96}>
      <SmallPrint>{name}</SmallPrint>
      {exact ? <Tooltip label={exact}>{shown}</Tooltip> : shown}
      {note && (
        <Text size="xs" c="dimmed" component="div">
          {note}
        </Text>
      )}
    </Box>
  )
}

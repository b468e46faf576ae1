/** Text that is beside the point: remarks, what is not there, units. */
import { Text, type TextProps } from '@mantine/core'
import type { ReactNode } from 'react'

interface DimmedProps extends Omit<TextProps, 'c'> {
  role?: string
  children: ReactNode
}

export function Dimmed(props: DimmedProps) {
  return <Text size="sm" c="dimmed" {...props} />
}

/** Smaller still. */
export function SmallPrint(props: DimmedProps) {
  return <Text size="xs" c="dimmed" {...props} />
}

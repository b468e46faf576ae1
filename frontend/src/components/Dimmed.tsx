/** Secondary text: remarks, units, the word for a missing value. */
import { Text, type TextProps } from '@mantine/core'
import type { ReactNode } from 'react'

interface DimmedProps extends Omit<TextProps, 'c'> {
  role?: string
  children: ReactNode
}

export function Dimmed(props: DimmedProps) {
  return <Text size="sm" c="dimmed" {...props} />
}

/** Secondary text in an even smaller size. */
export function SmallPrint(props: DimmedProps) {
  return <Text size="xs" c="dimmed" {...props} />
}

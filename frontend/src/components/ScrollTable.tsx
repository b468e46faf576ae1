/** A table that scrolls sideways by itself where the page is narrow, also by keyboard. */
import { Table, type TableProps } from '@mantine/core'
import type { ReactNode } from 'react'

export interface ScrollTableProps extends Omit<TableProps, 'children' | 'aria-label'> {
  /** Read to people who do not see the table. */
  label: string
  /** Below this width, in pixels, it scrolls. */
  minWidth: number
  /** Above this height, in pixels, it scrolls up and down too. */
  maxHeight?: number | undefined
  children: ReactNode
}

export function ScrollTable({ label, minWidth, maxHeight, children, ...table }: ScrollTableProps) {
  return (
    <Table.ScrollContainer
      minWidth={minWidth}
      {...(maxHeight ? { maxHeight } : {})}
      scrollAreaProps={{ viewportProps: { tabIndex: 0, role: 'region', 'aria-label': label } }}
    >
      <Table fz="sm" verticalSpacing={6} withTableBorder aria-label={label} {...table}>
        {children}
      </Table>
    </Table.ScrollContainer>
  )
}

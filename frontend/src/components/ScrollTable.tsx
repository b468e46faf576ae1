/** A table that scrolls sideways within a narrow page, also by keyboard. */
import { Table, type TableProps } from '@mantine/core'
import type { ReactNode } from 'react'
import classes from './cards.module.css'

export interface ScrollTableProps extends Omit<TableProps, 'children' | 'aria-label'> {
  /** Read to people who do not see the table. */
  label: string
  /** Below this width, in pixels, it scrolls. */
  minWidth: number
  /** Above this height, in pixels, it scrolls up and down too. */
  maxHeight?: number | undefined
  /** Whether its rows are cards on a phone: each cell then says its column's title in ``data-title``. */
  cards?: boolean
  children: ReactNode
}

export function ScrollTable({ label, minWidth, maxHeight, cards, children, ...table }: ScrollTableProps) {
  return (
    <Table.ScrollContainer
      minWidth={minWidth}
      {...(cards && { className: classes.container })}
      {...(maxHeight ? { maxHeight } : {})}
      scrollAreaProps={{
        offsetScrollbars: 'present',
        viewportProps: { tabIndex: 0, role: 'region', 'aria-label': label },
      }}
    >
      <Table
        fz="sm"
        verticalSpacing={6}
        withTableBorder
        aria-label={label}
        {...(cards && { className: classes.cards })}
        {...table}
      >
        {children}
      </Table>
    </Table.ScrollContainer>
  )
}

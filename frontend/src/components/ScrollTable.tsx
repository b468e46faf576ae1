/** A table that scrolls sideways within a narrow page, also by keyboard. */
import { Table, type TableProps } from '@mantine/core'
import type { ReactNode } from 'react'
import classes from './cards.module.css'

export interface ScrollTableProps extends Omit<TableProps, 'children' | 'aria-label'> {
  /** Name of the table for screen readers. */
  label: string
  /** The width in pixels below which the table scrolls sideways. */
  minWidth: number
  /** The height in pixels above which the table scrolls vertically. */
  maxHeight?: number | undefined
  /** Whether rows become cards on a phone. Each cell then shows its column's title from ``data-title``. */
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

/** A table that scrolls sideways within a narrow page, also by keyboard. */
import { Table, type TableProps } from '@mantine/core'
import { type ReactNode, useCallback, useLayoutEffect, useRef, useState } from 'react'
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
  const { viewport, more, look } = useMoreToTheRight()
  return (
    <Table.ScrollContainer
      minWidth={minWidth}
      className={`${classes.frame} ${cards ? classes.container : ''}`}
      {...(more && { 'data-more': true })}
      {...(maxHeight ? { maxHeight } : {})}
      scrollAreaProps={{
        type: 'auto',
        offsetScrollbars: 'present',
        viewportRef: viewport,
        onScrollPositionChange: look,
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

/** Whether columns are hidden to the right. A shadow then shows that the table goes on. */
function useMoreToTheRight() {
  const viewport = useRef<HTMLDivElement>(null)
  const [more, setMore] = useState(false)
  const look = useCallback(() => {
    const shown = viewport.current
    setMore(shown !== null && shown.scrollLeft + shown.clientWidth < shown.scrollWidth - 1)
  }, [])
  useLayoutEffect(() => {
    const shown = viewport.current
    if (shown === null) return
    const observer = new ResizeObserver(look)
    // The size of the table changes with its rows and columns, the size of the viewport with the window.
    for (const element of [shown, ...shown.children]) observer.observe(element)
    return () => observer.disconnect()
  }, [look])
  return { viewport, more, look }
}

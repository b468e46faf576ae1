/**
 * The title of a column by which rows can be sorted: a button inside the cell, so that the cell stays the column's
 * heading and says how its rows are sorted. Mantine's own makes the cell itself a button, which is no longer a heading.
 */
import { UnstyledButton } from '@mantine/core'
import { IconArrowDown, IconArrowsVertical, IconArrowUp } from '@tabler/icons-react'
import { type ReactNode, useLayoutEffect, useRef } from 'react'
import classes from './SortTitle.module.css'

export type SortDirection = 'asc' | 'desc'

export function SortTitle({
  title,
  sorted,
  onSort,
}: {
  title: ReactNode
  /** The direction of sorting; null when the table is sorted by another column. */
  sorted: SortDirection | null
  onSort: (direction: SortDirection) => void
}) {
  const button = useRef<HTMLButtonElement>(null)
  // aria-sort is set on the heading here, because the table passes no attributes on to its headings.
  useLayoutEffect(() => {
    const heading = button.current?.closest('th')
    if (sorted) heading?.setAttribute('aria-sort', sorted === 'asc' ? 'ascending' : 'descending')
    return () => heading?.removeAttribute('aria-sort')
  }, [sorted])
  const Icon = sorted === null ? IconArrowsVertical : sorted === 'asc' ? IconArrowUp : IconArrowDown
  return (
    <UnstyledButton
      ref={button}
      className={classes.title}
      {...(sorted && { 'data-sorted': true })}
      fz="inherit"
      title={typeof title === 'string' ? title : undefined}
      onClick={() => onSort(sorted === 'asc' ? 'desc' : 'asc')}
    >
      <span className={classes.text}>{title}</span>
      <Icon className={classes.icon} size={14} stroke={1.5} aria-hidden />
    </UnstyledButton>
  )
}

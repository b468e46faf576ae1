/** Tokens as rows: purpose, the caller's further columns, how long each is valid, and a button that revokes it. */
import { Button, VisuallyHidden } from '@mantine/core'
import type { ComponentProps } from 'react'
import { Age } from './Age'
import { RowTable } from './RowTable'

type Row = { id: number; name: string; created_at: string; expires_at: string; expired?: boolean }

export function TokenTable<T extends Row>({
  label,
  title,
  rows,
  columns,
  onRevoke,
}: {
  label: string
  /** Of the column of names. */
  title: string
  rows: T[]
  /** Columns behind the name. */
  columns: ComponentProps<typeof RowTable<T>>['columns']
  onRevoke: (token: T) => void
}) {
  return (
    <RowTable
      label={label}
      minWidth={480}
      verticalSpacing={4}
      rows={rows}
      rowKey={(each) => each.id}
      columns={[
        { title, cell: (each) => each.name, td: { style: { overflowWrap: 'anywhere' } } },
        ...columns,
        { title: 'Created', cell: (each) => <Age at={each.created_at} size="sm" /> },
        { title: 'Expires', cell: (each) => (each.expired ? 'expired' : <Age at={each.expires_at} size="sm" />) },
        {
          title: <VisuallyHidden>Actions</VisuallyHidden>,
          cell: (each) => (
            <Button
              size="compact-xs"
              variant="default"
              aria-label={`Revoke ${each.name}`}
              onClick={() => onRevoke(each)}
            >
              Revoke
            </Button>
          ),
          right: true,
        },
      ]}
    />
  )
}

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
  /** Title of the column of names. */
  title: string
  rows: T[]
  /** Further columns to the right of the name. */
  columns: ComponentProps<typeof RowTable<T>>['columns']
  onRevoke: (token: T) => void
}) {
  return (
    <RowTable
      label={label}
      minWidth={480}
      verticalSpacing={4}
      rows={rows}
      rowKey={(token) => token.id}
      columns={[
        { title, cell: (token) => token.name, td: { style: { overflowWrap: 'anywhere' } } },
        ...columns,
        { title: 'Created', cell: (token) => <Age at={token.created_at} size="sm" /> },
        { title: 'Expires', cell: (token) => (token.expired ? 'expired' : <Age at={token.expires_at} size="sm" />) },
        {
          title: <VisuallyHidden>Actions</VisuallyHidden>,
          cell: (token) => (
            <Button
              size="compact-xs"
              variant="default"
              aria-label={`Revoke ${token.name}`}
              onClick={() => onRevoke(token)}
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

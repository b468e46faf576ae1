/** The long-running parts of the platform. */
import { Text } from '@mantine/core'
import { Age } from '~/components/Age'
import { EmptyState } from '~/components/EmptyState'
import { RowTable } from '~/components/RowTable'
import { StatusBadge } from '~/components/StatusBadge'
import type { System } from '~/lib/api'
import { formatCount, NONE } from '~/lib/format'

export function ComponentTable({ components }: { components: System['components'] }) {
  if (components.length === 0) {
    return (
      <EmptyState title="No component has reported" command="kafka-ml status">
        The controller and the control logger report every ten seconds.
      </EmptyState>
    )
  }
  return (
    <RowTable
      label="Components"
      minWidth={720}
      rows={components}
      rowKey={(each) => each.name}
      columns={[
        { title: 'Component', cell: (each) => each.name },
        { title: 'State', cell: (each) => <StatusBadge state={each.state} /> },
        { title: 'Status', cell: (each) => each.detail || NONE },
        { title: 'Address', cell: (each) => each.address || NONE },
        { title: 'Restarts', right: true, cell: (each) => formatCount(each.restarts) },
        {
          title: 'Last report',
          cell: (each) => (each.at ? <Age at={each.at} size="sm" /> : <Text size="sm">{NONE}</Text>),
        },
      ]}
    />
  )
}

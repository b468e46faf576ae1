/** The long-running components of the platform. */
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
      rowKey={(component) => component.name}
      columns={[
        { title: 'Component', cell: (component) => component.name },
        { title: 'State', cell: (component) => <StatusBadge state={component.state} /> },
        { title: 'Status', cell: (component) => component.detail || NONE },
        { title: 'Address', cell: (component) => component.address || NONE },
        { title: 'Restarts', right: true, cell: (component) => formatCount(component.restarts) },
        {
          title: 'Last report',
          cell: (component) => (component.at ? <Age at={component.at} size="sm" /> : <Text size="sm">{NONE}</Text>),
        },
      ]}
    />
  )
}

/** The long-running parts of the platform. */
import { Table, Text } from '@mantine/core'
import { Age } from '~/components/Age'
import { EmptyState } from '~/components/EmptyState'
import { ScrollTable } from '~/components/ScrollTable'
import { StatusBadge } from '~/components/StatusBadge'
import type { System } from '~/lib/api'
import { formatCount, NONE } from '~/lib/format'

export function ComponentTable({ components }: { components: System['components'] }) {
  if (components.length === 0) {
    return (
      <EmptyState title="No component has given a sign of life" command="kafka-ml status">
        The controller and the control logger write one every ten seconds.
      </EmptyState>
    )
  }
  return (
    <ScrollTable label="Components" minWidth={720}>
      <Table.Thead>
        <Table.Tr>
          <Table.Th>Component</Table.Th>
          <Table.Th>State</Table.Th>
          <Table.Th>Says</Table.Th>
          <Table.Th>Address</Table.Th>
          <Table.Th ta="right">Restarts</Table.Th>
          <Table.Th>Last sign of life</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {components.map((each) => (
          <Table.Tr key={each.name}>
            <Table.Td>{each.name}</Table.Td>
            <Table.Td>
              <StatusBadge state={each.state} />
            </Table.Td>
            <Table.Td>{each.detail || NONE}</Table.Td>
            <Table.Td>{each.address || NONE}</Table.Td>
            <Table.Td ta="right">{formatCount(each.restarts)}</Table.Td>
            <Table.Td>{each.at ? <Age at={each.at} size="sm" /> : <Text size="sm">{NONE}</Text>}</Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </ScrollTable>
  )
}

/** The services that check models' code, one per framework. */
import { Table } from '@mantine/core'
import { ScrollTable } from '~/components/ScrollTable'
import { StatusBadge } from '~/components/StatusBadge'
import type { System } from '~/lib/api'
import { NONE } from '~/lib/format'

export function ExecutorTable({ executors }: { executors: System['executors'] }) {
  return (
    <ScrollTable label="Executors" minWidth={640}>
      <Table.Thead>
        <Table.Tr>
          <Table.Th>Framework</Table.Th>
          <Table.Th>State</Table.Th>
          <Table.Th>Isolation</Table.Th>
          <Table.Th>Versions</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {Object.entries(executors).map(([framework, each]) => (
          <Table.Tr key={framework}>
            <Table.Td>{framework}</Table.Td>
            <Table.Td>
              <StatusBadge
                state={each.reachable ? 'ready' : 'failed'}
                label={each.reachable ? 'answers' : 'does not answer'}
              />
            </Table.Td>
            <Table.Td>{each.isolation || NONE}</Table.Td>
            <Table.Td>
              {each.reachable
                ? Object.entries(each.versions)
                    .map(([name, version]) => `${name} ${version}`)
                    .join(', ')
                : each.detail}
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </ScrollTable>
  )
}

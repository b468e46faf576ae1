/** Partitions of a topic: where they begin and end, who leads them. */
import { Table } from '@mantine/core'
import { AnchorLink } from '~/components/ButtonLink'
import { ScrollTable } from '~/components/ScrollTable'
import type { Topic } from '~/lib/api'
import { formatExact, NONE } from '~/lib/format'

export function PartitionsTab({ topic }: { topic: Topic }) {
  return (
    <ScrollTable
      label="Partitions"
      minWidth={480}
      verticalSpacing={5}
      maw={820}
      style={{ fontVariantNumeric: 'tabular-nums' }}
    >
      <Table.Thead>
        <Table.Tr>
          <Table.Th ta="right">Partition</Table.Th>
          <Table.Th ta="right">First offset</Table.Th>
          <Table.Th ta="right">Next offset</Table.Th>
          <Table.Th ta="right">Records at most</Table.Th>
          <Table.Th ta="right">Leader</Table.Th>
          <Table.Th ta="right">In sync</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {topic.partitions.map((each) => (
          <Table.Tr key={each.partition}>
            <Table.Td ta="right">
              <AnchorLink
                size="sm"
                to="/topics/$name"
                params={{ name: topic.name }}
                search={{ partition: each.partition }}
                aria-label={`Records of partition ${each.partition}`}
              >
                {each.partition}
              </AnchorLink>
            </Table.Td>
            <Table.Td ta="right">{formatExact(each.low)}</Table.Td>
            <Table.Td ta="right">{formatExact(each.high)}</Table.Td>
            <Table.Td ta="right">
              {each.high === null || each.low === null ? NONE : formatExact(each.high - each.low)}
            </Table.Td>
            <Table.Td ta="right">{each.leader === null ? 'away' : `broker ${each.leader}`}</Table.Td>
            <Table.Td ta="right">
              {each.in_sync} of {each.replicas}
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </ScrollTable>
  )
}

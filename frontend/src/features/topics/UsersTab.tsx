/** Who uses a topic, and how far the inferences that read it are. */
import { Stack, Table, Text, Title } from '@mantine/core'
import { AnchorLink } from '~/components/ButtonLink'
import { ScrollTable } from '~/components/ScrollTable'
import { StatusBadge } from '~/components/StatusBadge'
import type { Topic } from '~/lib/api'
import { formatExact, NONE } from '~/lib/format'
import { UseLink } from './UseLinks'

export function UsersTab({ topic }: { topic: Topic }) {
  if (topic.uses.length === 0) return <Text c="dimmed">Nothing of Kafka-ML writes or reads this topic.</Text>
  return (
    <Stack gap="lg">
      <ScrollTable label="Who uses the topic" minWidth={480} verticalSpacing={5} maw={820}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Used as</Table.Th>
            <Table.Th>Name</Table.Th>
            <Table.Th>State</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {topic.uses.map((each) => (
            <Table.Tr key={`${each.role}-${each.type}-${each.id}`}>
              <Table.Td>
                <UseLink use={each} />
              </Table.Td>
              <Table.Td style={{ overflowWrap: 'anywhere' }}>{each.name || NONE}</Table.Td>
              <Table.Td>{each.state ? <StatusBadge state={each.state} /> : NONE}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </ScrollTable>
      {topic.groups.length > 0 && <Groups topic={topic} />}
    </Stack>
  )
}

function Groups({ topic }: { topic: Topic }) {
  return (
    <Stack gap="xs">
      <Title order={2}>Readers</Title>
      <ScrollTable
        label="How far readers are"
        minWidth={480}
        verticalSpacing={5}
        maw={820}
        style={{ fontVariantNumeric: 'tabular-nums' }}
      >
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Inference</Table.Th>
            <Table.Th>Consumer group</Table.Th>
            <Table.Th ta="right">Partition</Table.Th>
            <Table.Th ta="right">Committed offset</Table.Th>
            <Table.Th ta="right">Lag, records</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {topic.groups.flatMap((group) =>
            (group.positions.length ? group.positions : [{ partition: null, committed: null, lag: null }]).map(
              (position) => (
                <Table.Tr key={`${group.group}-${position.partition}`}>
                  <Table.Td>
                    <AnchorLink size="sm" to="/inference/$id" params={{ id: String(group.inference) }}>
                      inference {group.inference}
                    </AnchorLink>
                  </Table.Td>
                  <Table.Td>{group.group}</Table.Td>
                  <Table.Td ta="right">{position.partition ?? NONE}</Table.Td>
                  <Table.Td ta="right">
                    {position.committed === null ? 'none yet' : formatExact(position.committed)}
                  </Table.Td>
                  <Table.Td ta="right">{formatExact(position.lag)}</Table.Td>
                </Table.Tr>
              ),
            ),
          )}
        </Table.Tbody>
      </ScrollTable>
    </Stack>
  )
}

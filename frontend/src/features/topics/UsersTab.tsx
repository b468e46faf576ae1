/** Who uses a topic, and how far the inferences that read it are. */
import { Stack, Text, Title } from '@mantine/core'
import { InferenceLink } from '~/components/ButtonLink'
import { RowTable } from '~/components/RowTable'
import { StatusBadge } from '~/components/StatusBadge'
import type { Topic } from '~/lib/api'
import { formatExact, NONE } from '~/lib/format'
import { UseLink } from './UseLinks'

export function UsersTab({ topic }: { topic: Topic }) {
  if (topic.uses.length === 0) return <Text c="dimmed">Nothing of Kafka-ML writes or reads this topic.</Text>
  return (
    <Stack gap="lg">
      <RowTable
        label="Who uses the topic"
        minWidth={480}
        verticalSpacing={5}
        maw={820}
        rows={topic.uses}
        rowKey={(each) => `${each.role}-${each.type}-${each.id}`}
        columns={[
          { title: 'Used as', cell: (each) => <UseLink use={each} /> },
          { title: 'Name', cell: (each) => each.name || NONE, td: { style: { overflowWrap: 'anywhere' } } },
          { title: 'State', cell: (each) => (each.state ? <StatusBadge state={each.state} /> : NONE) },
        ]}
      />
      {topic.groups.length > 0 && <Groups topic={topic} />}
    </Stack>
  )
}

function Groups({ topic }: { topic: Topic }) {
  return (
    <Stack gap="xs">
      <Title order={2}>Readers</Title>
      <RowTable
        label="How far readers are"
        minWidth={480}
        verticalSpacing={5}
        maw={820}
        style={{ fontVariantNumeric: 'tabular-nums' }}
        rows={topic.groups.flatMap(({ group, inference, positions }) =>
          (positions.length ? positions : [{ partition: null, committed: null, lag: null }]).map((position) => ({
            group,
            inference,
            ...position,
          })),
        )}
        rowKey={(row) => `${row.group}-${row.partition}`}
        columns={[
          {
            title: 'Inference',
            cell: ({ inference }) => <InferenceLink id={inference}>inference {inference}</InferenceLink>,
          },
          { title: 'Consumer group', cell: (row) => row.group },
          { title: 'Partition', right: true, cell: (row) => row.partition ?? NONE },
          {
            title: 'Committed offset',
            right: true,
            cell: (row) => (row.committed === null ? 'none yet' : formatExact(row.committed)),
          },
          { title: 'Lag, records', right: true, cell: (row) => formatExact(row.lag) },
        ]}
      />
    </Stack>
  )
}

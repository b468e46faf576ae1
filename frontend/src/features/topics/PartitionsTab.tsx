/** Partitions of a topic: their first and last offsets and their leaders; and the topic's settings in Kafka. */
import { Stack } from '@mantine/core'
import { TopicLink } from '~/components/ButtonLink'
import { RowTable } from '~/components/RowTable'
import type { Topic } from '~/lib/api'
import { formatExact, NONE } from '~/lib/format'
import { TopicSettings } from './TopicSettings'

export function PartitionsTab({ topic }: { topic: Topic }) {
  return (
    <Stack gap="lg">
      <RowTable
        label="Partitions"
        minWidth={480}
        verticalSpacing={5}
        maw={820}
        style={{ fontVariantNumeric: 'tabular-nums' }}
        rows={topic.partitions}
        rowKey={(partition) => partition.partition}
        columns={[
          {
            title: 'Partition',
            right: true,
            cell: (partition) => (
              <TopicLink
                name={topic.name}
                search={{ partition: partition.partition }}
                aria-label={`Records of partition ${partition.partition}`}
              >
                {partition.partition}
              </TopicLink>
            ),
          },
          { title: 'First offset', right: true, cell: (partition) => formatExact(partition.low) },
          { title: 'Next offset', right: true, cell: (partition) => formatExact(partition.high) },
          {
            title: 'Records, at most',
            right: true,
            cell: (partition) =>
              partition.high === null || partition.low === null ? NONE : formatExact(partition.high - partition.low),
          },
          {
            title: 'Leader',
            right: true,
            cell: (partition) => (partition.leader === null ? 'away' : `broker ${partition.leader}`),
          },
          {
            title: 'In sync',
            right: true,
            cell: (partition) => (
              <>
                {partition.in_sync} of {partition.replicas}
              </>
            ),
          },
        ]}
      />
      <TopicSettings name={topic.name} />
    </Stack>
  )
}

/** Partitions of a topic: where they begin and end, who leads them; and the topic's settings in Kafka. */
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
        rowKey={(each) => each.partition}
        columns={[
          {
            title: 'Partition',
            right: true,
            cell: (each) => (
              <TopicLink
                name={topic.name}
                search={{ partition: each.partition }}
                aria-label={`Records of partition ${each.partition}`}
              >
                {each.partition}
              </TopicLink>
            ),
          },
          { title: 'First offset', right: true, cell: (each) => formatExact(each.low) },
          { title: 'Next offset', right: true, cell: (each) => formatExact(each.high) },
          {
            title: 'Records, at most',
            right: true,
            cell: (each) => (each.high === null || each.low === null ? NONE : formatExact(each.high - each.low)),
          },
          { title: 'Leader', right: true, cell: (each) => (each.leader === null ? 'away' : `broker ${each.leader}`) },
          {
            title: 'In sync',
            right: true,
            cell: (each) => (
              <>
                {each.in_sync} of {each.replicas}
              </>
            ),
          },
        ]}
      />
      <TopicSettings name={topic.name} />
    </Stack>
  )
}

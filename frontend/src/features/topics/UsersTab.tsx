/** The users of a topic, and the positions of those that read it. */
import { Skeleton, Stack, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { InferenceLink } from '~/components/ButtonLink'
import { SmallPrint } from '~/components/Dimmed'
import { ProblemAlert } from '~/components/ProblemAlert'
import { RowTable } from '~/components/RowTable'
import { Section } from '~/components/Section'
import { StatusBadge } from '~/components/StatusBadge'
import { type ConsumerGroup, type Topic, topicsGroupsOptions } from '~/lib/api'
import { formatExact, NONE } from '~/lib/format'
import { useLive } from '~/lib/live'
import { UseLink } from './UseLinks'

// Milliseconds between two requests, because each asks all groups for their positions.
const REFRESH_MS = 15_000

export function UsersTab({ topic }: { topic: Topic }) {
  return (
    <Stack gap="lg">
      {topic.uses.length === 0 ? (
        <Text c="dimmed">Not used by Kafka-ML.</Text>
      ) : (
        <RowTable
          label="Who uses the topic"
          minWidth={480}
          verticalSpacing={5}
          maw={820}
          rows={topic.uses}
          rowKey={(use) => `${use.role}-${use.type}-${use.id}`}
          columns={[
            { title: 'Used as', cell: (use) => <UseLink use={use} /> },
            { title: 'Name', cell: (use) => use.name || NONE, td: { style: { overflowWrap: 'anywhere' } } },
            { title: 'State', cell: (use) => (use.state ? <StatusBadge state={use.state} /> : NONE) },
          ]}
        />
      )}
      {topic.groups.length > 0 && (
        <Section title="Inferences that read it">
          <Groups label="Positions of the inferences" groups={topic.groups} />
        </Section>
      )}
      <Others name={topic.name} />
    </Stack>
  )
}

function Others({ name }: { name: string }) {
  const { paused } = useLive()
  const query = useQuery({
    ...topicsGroupsOptions({ path: { name } }),
    refetchInterval: paused ? false : REFRESH_MS,
    retry: false,
  })
  const found = query.data
  return (
    <Section title="Other consumer groups">
      {query.error ? (
        <ProblemAlert error={query.error} title="Kafka does not report them" onRetry={() => void query.refetch()} />
      ) : !found ? (
        <Skeleton height={80} role="status" aria-label="Loading other groups" />
      ) : found.groups.length === 0 ? (
        <Text c="dimmed">No other group has committed an offset in this topic.</Text>
      ) : (
        <Groups label="Positions of other groups" groups={found.groups} />
      )}
      {found && !found.complete && <SmallPrint>The cluster has more groups; only some are shown.</SmallPrint>}
    </Section>
  )
}

function Groups({ label, groups }: { label: string; groups: readonly ConsumerGroup[] }) {
  const ours = groups.some((group) => group.inference !== null)
  return (
    <RowTable
      label={label}
      minWidth={480}
      verticalSpacing={5}
      maw={820}
      style={{ fontVariantNumeric: 'tabular-nums' }}
      rows={groups.flatMap(({ positions, ...group }) =>
        (positions.length ? positions : [{ partition: null, committed: null, lag: null }]).map((position) => ({
          ...group,
          ...position,
        })),
      )}
      rowKey={(row) => `${row.group}-${row.partition}`}
      columns={[
        ours && {
          title: 'Inference',
          cell: ({ inference }) =>
            inference === null ? NONE : <InferenceLink id={inference}>inference {inference}</InferenceLink>,
        },
        { title: 'Consumer group', cell: (row) => row.group, td: { style: { overflowWrap: 'anywhere' } } },
        !ours && { title: 'State', cell: (row) => row.state },
        { title: 'Partition', right: true, cell: (row) => row.partition ?? NONE },
        {
          title: 'Committed offset',
          right: true,
          cell: (row) => (row.committed === null ? 'none yet' : formatExact(row.committed)),
        },
        { title: 'Lag, records', right: true, cell: (row) => formatExact(row.lag) },
      ]}
    />
  )
}

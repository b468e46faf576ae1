/** How long and how much Kafka keeps of a topic, and the topic's other settings. */
import { Skeleton } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Facts } from '~/components/Facts'
import { ProblemAlert } from '~/components/ProblemAlert'
import { Section } from '~/components/Section'
import { topicsSettingsOptions } from '~/lib/api'
import { formatBytes, formatExact, formatSeconds, NONE } from '~/lib/format'

const NO_LIMIT = 'no limit'
const POLICIES: Record<string, string> = {
  delete: 'delete old records',
  compact: 'keep the last record of each key',
  'compact,delete': 'keep the last record of each key, delete old ones',
}

export function TopicSettings({ name }: { name: string }) {
  const query = useQuery({ ...topicsSettingsOptions({ path: { name } }), staleTime: 60_000, retry: false })
  const found = query.data
  return (
    <Section title="Settings">
      {query.error ? (
        <ProblemAlert error={query.error} title="Kafka does not report them" onRetry={() => void query.refetch()} />
      ) : !found ? (
        <Skeleton height={120} role="status" aria-label="Loading the settings" />
      ) : (
        <Facts
          facts={[
            ['Cleanup', POLICIES[found.cleanup_policy.split(',').sort().join(',')] ?? (found.cleanup_policy || NONE)],
            ['Retention time', found.retention_ms === null ? NO_LIMIT : formatSeconds(found.retention_ms / 1000)],
            [
              'Retention size per partition',
              found.retention_bytes === null ? NO_LIMIT : formatBytes(found.retention_bytes),
            ],
            ['Largest batch', found.max_message_bytes === null ? NONE : formatBytes(found.max_message_bytes)],
            [
              'In-sync replicas required',
              found.min_insync_replicas === null ? NONE : `${formatExact(found.min_insync_replicas)} at least`,
            ],
            ['Compression', found.compression || NONE],
            ['Timestamps', found.timestamps === 'LogAppendTime' ? 'set by Kafka on arrival' : 'set by the producer'],
          ]}
        />
      )}
    </Section>
  )
}

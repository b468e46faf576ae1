/** How long and how much Kafka keeps of a topic, and what else it is told of it. */
import { Skeleton } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Facts } from '~/components/Facts'
import { ProblemAlert } from '~/components/ProblemAlert'
import { Section } from '~/components/Section'
import { topicsSettingsOptions } from '~/lib/api'
import { formatBytes, formatExact, formatSeconds, NONE } from '~/lib/format'

const NO_LIMIT = 'no limit'
const POLICIES: Record<string, string> = {
  delete: 'old records are deleted',
  compact: 'the last record of each key is kept',
  'compact,delete': 'the last record of each key is kept, and deleted when it is old',
}

export function TopicSettings({ name }: { name: string }) {
  const query = useQuery({ ...topicsSettingsOptions({ path: { name } }), staleTime: 60_000, retry: false })
  const found = query.data
  return (
    <Section title="Settings">
      {query.error ? (
        <ProblemAlert error={query.error} title="Kafka does not tell them" onRetry={() => void query.refetch()} />
      ) : !found ? (
        <Skeleton height={120} role="status" aria-label="Loading the settings" />
      ) : (
        <Facts
          facts={[
            ['Cleanup', POLICIES[found.cleanup_policy.split(',').sort().join(',')] ?? (found.cleanup_policy || NONE)],
            ['Kept for', found.retention_ms === null ? NO_LIMIT : formatSeconds(found.retention_ms / 1000)],
            ['Kept of each partition', found.retention_bytes === null ? NO_LIMIT : formatBytes(found.retention_bytes)],
            ['Largest batch', found.max_message_bytes === null ? NONE : formatBytes(found.max_message_bytes)],
            [
              'Replicas that confirm',
              found.min_insync_replicas === null ? NONE : `${formatExact(found.min_insync_replicas)} at least`,
            ],
            ['Compression', found.compression || NONE],
            ['Time of a record', found.timestamps === 'LogAppendTime' ? 'when Kafka got it' : 'as its producer says'],
          ]}
        />
      )}
    </Section>
  )
}

/** Streams that were sent to a deployment but trained no model: why, and what to do with them. */
import { Group, Stack, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Age } from '~/components/Age'
import { ButtonLink, StreamLink } from '~/components/ButtonLink'
import { SmallPrint } from '~/components/Dimmed'
import { streamsListOptions } from '~/lib/api'
import { useSession } from '~/lib/session'

const MOST = 5

export function UnusedStreams({ deployment }: { deployment: number }) {
  const { can } = useSession()
  const query = useQuery(streamsListOptions({ query: { deployment, used: false, limit: MOST } }))
  const rows = query.data?.results ?? []
  if (rows.length === 0) return null
  const more = (query.data?.count ?? 0) - rows.length
  return (
    <Stack gap="xs" component="section" aria-label="Streams that were not used">
      <Title order={2}>Streams that were not used</Title>
      {rows.map((row) => (
        <Group key={row.id} gap="sm" align="flex-start">
          <Text size="sm" maw={640} style={{ overflowWrap: 'anywhere' }}>
            <StreamLink id={row.id}>stream {row.id}</StreamLink>, announced <Age at={row.registered_at} span inherit />:{' '}
            {row.note}
          </Text>
          {can('editor') && !row.incremental && (
            <ButtonLink variant="default" to="/training/new" search={{ from: deployment, stream: row.id }}>
              Train on this stream
            </ButtonLink>
          )}
        </Group>
      ))}
      {more > 0 && <SmallPrint>And {more} more under Streams.</SmallPrint>}
    </Stack>
  )
}

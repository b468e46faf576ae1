/** Announcements that were refused, each with the reason; nothing when there are none. */
import { Alert, Stack, Text } from '@mantine/core'
import { IconAlertTriangle } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { Age } from '~/components/Age'
import { Dimmed } from '~/components/Dimmed'
import { streamsRefusedListOptions } from '~/lib/api'
import { plural } from '~/lib/format'

const SHOWN = 5

export function RefusedAnnouncements() {
  const query = useQuery(streamsRefusedListOptions({ query: { limit: SHOWN } }))
  const rows = query.data?.results ?? []
  if (rows.length === 0) return null
  return (
    <Alert
      color="yellow"
      mb="md"
      icon={<IconAlertTriangle aria-hidden />}
      title={`${plural(query.data?.count ?? 0, 'announcement')} refused`}
    >
      <Stack gap="xs">
        {rows.map((row) => (
          <Text key={row.id} size="sm" component="div" style={{ overflowWrap: 'anywhere' }}>
            <Text span fw={600}>
              {row.control_topic}[{row.partition}]@{row.offset}
            </Text>{' '}
            {row.deployment !== null && <>to deployment {row.deployment}, </>}
            <Age at={row.refused_at} size="sm" />: {row.reason}
            {row.hint && <Dimmed>{row.hint}</Dimmed>}
          </Text>
        ))}
        {(query.data?.count ?? 0) > rows.length && <Dimmed>To list them all: kafka-ml streams refused</Dimmed>}
      </Stack>
    </Alert>
  )
}

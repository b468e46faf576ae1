/** A link such as 'version 2 of readings'; plain text when that version was deleted. */
import { Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { DatasetLink } from '~/components/ButtonLink'
import { datasetsRetrieveOptions } from '~/lib/api'
import type { DatasetOrigin } from '~/lib/datasets'
import { problemOf } from '~/lib/problem'

export function DatasetOriginLink({ origin }: { origin: DatasetOrigin }) {
  const query = useQuery({ ...datasetsRetrieveOptions({ path: { id: String(origin.id) } }), retry: false })
  const words = `version ${origin.version} of ${origin.name}`
  if (query.error && problemOf(query.error).status === 404) {
    return (
      <Text span size="sm" style={{ overflowWrap: 'anywhere' }}>
        {words}{' '}
        <Text span c="dimmed" size="sm">
          (deleted)
        </Text>
      </Text>
    )
  }
  return (
    <DatasetLink id={origin.id} search={{ version: origin.version }}>
      {words}
    </DatasetLink>
  )
}

/** 'version 2 of readings', which leads there. */
import { DatasetLink } from '~/components/ButtonLink'
import type { DatasetOrigin } from '~/lib/datasets'

export function DatasetOriginLink({ origin }: { origin: DatasetOrigin }) {
  return (
    <DatasetLink id={origin.id} search={{ version: origin.version }} style={{ overflowWrap: 'anywhere' }}>
      version {origin.version} of {origin.name}
    </DatasetLink>
  )
}

/** The versions of a data set; each can be viewed, trained on, or used as the start of a new version. */
import { Group } from '@mantine/core'
import { Age } from '~/components/Age'
import { ButtonLink, DatasetLink } from '~/components/ButtonLink'
import { RowTable } from '~/components/RowTable'
import type { Dataset } from '~/lib/api'
import { formatCount, NONE } from '~/lib/format'
import { parseRanges, sharesOf, topicsOf } from '~/lib/ranges'
import { useSession } from '~/lib/session'

export function VersionsTab({ dataset }: { dataset: Dataset }) {
  const { can } = useSession()
  return (
    <RowTable
      label="Versions"
      minWidth={720}
      rows={dataset.versions}
      rowKey={(version) => version.number}
      columns={[
        {
          title: 'Version',
          rowHead: true,
          cell: (version) => (
            <DatasetLink id={dataset.id} search={{ version: version.number }}>
              version {version.number}
            </DatasetLink>
          ),
        },
        { title: 'Topic', cell: (version) => topicsOf(parseRanges(version.ranges)).join(', ') },
        {
          title: 'Records',
          right: true,
          cell: (version) => (version.online ? 'without end' : formatCount(version.records)),
        },
        { title: 'Columns', right: true, cell: (version) => formatCount(version.contract.columns.length) },
        { title: 'Label', cell: (version) => version.contract.labels.map((label) => label.name).join(', ') || NONE },
        {
          title: 'Train / val / test, %',
          right: true,
          cell: (version) => sharesOf(version.validation_rate, version.test_rate).join(' / '),
        },
        { title: 'Created', cell: (version) => <Age at={version.created_at} size="sm" /> },
        can('editor') && {
          title: 'Actions',
          cell: (version) => (
            <Group gap={6} wrap="nowrap">
              <ButtonLink
                size="compact-xs"
                variant="default"
                to="/training/new"
                search={{ dataset: dataset.id, dataset_version: version.number }}
                aria-label={`Train on version ${version.number}`}
              >
                Train
              </ButtonLink>
              <ButtonLink
                size="compact-xs"
                variant="default"
                to="/datasets/new"
                search={{ from: dataset.id, version: version.number }}
                aria-label={`New version from version ${version.number}`}
              >
                New version
              </ButtonLink>
            </Group>
          ),
        },
      ]}
    />
  )
}

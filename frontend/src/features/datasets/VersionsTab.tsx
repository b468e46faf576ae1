/** The versions of a data set, each to be looked at, trained on, or gone on from. */
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
      rowKey={(each) => each.number}
      columns={[
        {
          title: 'Version',
          rowHead: true,
          cell: (each) => (
            <DatasetLink id={dataset.id} search={{ version: each.number }}>
              version {each.number}
            </DatasetLink>
          ),
        },
        { title: 'Topic', cell: (each) => topicsOf(parseRanges(each.ranges)).join(', ') },
        { title: 'Records', right: true, cell: (each) => (each.online ? 'without end' : formatCount(each.records)) },
        { title: 'Columns', right: true, cell: (each) => formatCount(each.contract.columns.length) },
        { title: 'Label', cell: (each) => each.contract.labels.map((label) => label.name).join(', ') || NONE },
        {
          title: 'Train / val / test, %',
          right: true,
          cell: (each) => sharesOf(each.validation_rate, each.test_rate).join(' / '),
        },
        { title: 'Created', cell: (each) => <Age at={each.created_at} size="sm" /> },
        can('editor') && {
          title: 'Actions',
          cell: (each) => (
            <Group gap={6} wrap="nowrap">
              <ButtonLink
                size="compact-xs"
                variant="default"
                to="/training/new"
                search={{ dataset: dataset.id, dataset_version: each.number }}
                aria-label={`Train on version ${each.number}`}
              >
                Train
              </ButtonLink>
              <ButtonLink
                size="compact-xs"
                variant="default"
                to="/datasets/new"
                search={{ from: dataset.id, version: each.number }}
                aria-label={`New version from version ${each.number}`}
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

/** One data set: a version of it, all versions, what was made for it. */
import { Select, Text } from '@mantine/core'
import { IconPencil, IconSchool, IconTrash } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { ButtonLink } from '~/components/ButtonLink'
import { CopyAs } from '~/components/CopyAs'
import { recordsWords } from '~/components/contract/words'
import { DeleteDialog } from '~/components/DeleteDialog'
import { ObjectPage } from '~/components/ObjectPage'
import { type DatasetVersion, datasetsRetrieveOptions, deploymentsListOptions } from '~/lib/api'
import { exportActions } from '~/lib/datasets'
import { formatCount } from '~/lib/format'
import { useSession } from '~/lib/session'
import { DatasetDeployments } from './DatasetDeployments'
import { EditDialog } from './EditDialog'
import { objectEquivalents } from './equivalents'
import type { DatasetSearch } from './routes'
import { SamplesTab } from './SamplesTab'
import { TrainDialog } from './TrainDialog'
import { VersionsTab } from './VersionsTab'
import { VersionView } from './VersionView'

export function DatasetPage() {
  const { id } = useParams({ from: '/datasets/$id' })
  const search = useSearch({ from: '/datasets/$id' })
  const navigate = useNavigate({ from: '/datasets/$id' })
  const { can } = useSession()
  const [asking, setAsking] = useState<'edit' | 'delete' | null>(null)
  const query = useQuery(datasetsRetrieveOptions({ path: { id } }))
  const deployments = useQuery(deploymentsListOptions({ query: { dataset: Number(id), limit: 50 } }))
  const dataset = query.isPlaceholderData ? undefined : query.data
  const version = dataset?.versions.find((candidate) => candidate.number === search.version) ?? dataset?.versions[0]
  const editor = can('editor')
  const count = deployments.data?.count ?? 0
  const change = (next: DatasetSearch) =>
    void navigate({ search: (before: DatasetSearch) => ({ ...before, ...next }), replace: true })
  return (
    <ObjectPage
      what="Data set"
      id={Number(id)}
      title={dataset?.name}
      createdAt={dataset?.created_at}
      query={query}
      subtitle={
        version && (
          <Text size="sm" component="span">
            · version {version.number}, {recordsWords(version)}
          </Text>
        )
      }
      actions={
        dataset &&
        version && (
          <>
            <CopyAs equivalents={objectEquivalents(dataset.id)} />
            {editor && (
              <>
                <ButtonLink variant="default" to="/datasets/new" search={{ from: dataset.id, version: version.number }}>
                  New version
                </ButtonLink>
                <ButtonLink
                  to="/training/new"
                  search={{ dataset: dataset.id, dataset_version: version.number }}
                  leftSection={<IconSchool size={14} aria-hidden />}
                >
                  Train
                </ButtonLink>
              </>
            )}
          </>
        )
      }
      menu={
        dataset && version
          ? [
              ...exportActions(exportAddress(dataset.id, version)),
              ...(editor
                ? [
                    {
                      label: 'Train a waiting deployment',
                      icon: <IconSchool size={14} aria-hidden />,
                      onClick: () => change({ train: true }),
                    },
                    {
                      label: 'Rename',
                      icon: <IconPencil size={14} aria-hidden />,
                      onClick: () => setAsking('edit'),
                    },
                    {
                      label: 'Delete',
                      danger: true,
                      icon: <IconTrash size={14} aria-hidden />,
                      onClick: () => setAsking('delete'),
                    },
                  ]
                : []),
            ]
          : []
      }
      tab={search.tab}
      onTab={(tab) => change({ tab: tab === 'contract' ? undefined : tab })}
      tabs={
        dataset &&
        version && [
          {
            value: 'contract',
            label: 'Records and contract',
            content: () => (
              <>
                {dataset.description && (
                  <Text size="sm" mb="md" style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>
                    {dataset.description}
                  </Text>
                )}
                {dataset.versions.length > 1 && (
                  <Select
                    label="Version"
                    size="xs"
                    w={200}
                    mb="md"
                    data={dataset.versions.map((listed, place) => ({
                      value: String(listed.number),
                      label: `${listed.number}${place === 0 ? ', newest' : ''}`,
                    }))}
                    value={String(version.number)}
                    onChange={(next) => change({ version: Number(next) })}
                  />
                )}
                <VersionView version={version} />
              </>
            ),
          },
          {
            value: 'samples',
            label: 'Samples',
            content: () => <SamplesTab dataset={dataset} version={version} />,
          },
          {
            value: 'versions',
            label: `Versions (${formatCount(dataset.versions.length)})`,
            content: () => <VersionsTab dataset={dataset} />,
          },
          {
            value: 'deployments',
            label: count > 0 ? `Deployments (${formatCount(count)})` : 'Deployments',
            content: () => <DatasetDeployments dataset={dataset} version={version} deployments={deployments} />,
          },
        ]
      }
    >
      {dataset && version && editor && (
        <>
          {asking === 'delete' && (
            <DeleteDialog
              kind="datasets"
              ids={[dataset.id]}
              onClose={() => setAsking(null)}
              onDeleted={() => navigate({ to: '/datasets', search: {}, ignoreBlocker: true })}
            />
          )}
          {asking === 'edit' && <EditDialog dataset={dataset} onClose={() => setAsking(null)} />}
          {search.train && (
            <TrainDialog dataset={dataset} version={version} onClose={() => change({ train: undefined })} />
          )}
        </>
      )}
    </ObjectPage>
  )
}

/** The address of the export of a version. Of a data set without end it exports the records so far. */
function exportAddress(id: number, { number, online }: DatasetVersion): string {
  return `/api/datasets/${id}/export/?version=${number}${online ? `&until=${new Date().toISOString()}` : ''}`
}

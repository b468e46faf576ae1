/** Other Kubernetes clusters that inferences may run in, for admins: enter, check, change, delete. */

import { Button, VisuallyHidden } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { AdminsOnly } from '~/components/AdminsOnly'
import { Age } from '~/components/Age'
import { ConfirmDelete } from '~/components/ConfirmDelete'
import { EmptyState } from '~/components/EmptyState'
import { ListPage } from '~/components/ListPage'
import { RowMenu } from '~/components/RowMenu'
import { StatusBadge } from '~/components/StatusBadge'
import { type Cluster, clustersDestroy, clustersListOptions } from '~/lib/api'
import { type ListSearch, listQuery } from '~/lib/listSearch'
import { notifyDone } from '~/lib/notify'
import { useSession } from '~/lib/session'
import { useListSearch } from '~/lib/useListSearch'
import { CheckDialog } from './CheckDialog'
import { ClusterDialog } from './ClusterDialog'

export function ClusterListPage() {
  const { can } = useSession()
  return can('admin') ? <Clusters /> : <AdminsOnly title="Other clusters" />
}

function Clusters() {
  const [search, change] = useListSearch<ListSearch>('/clusters')
  const queryClient = useQueryClient()
  const clusters = useQuery(clustersListOptions({ query: listQuery(search) }))
  const [dialog, setDialog] = useState<Cluster | 'new' | null>(null)
  const [checking, setChecking] = useState<Cluster | null>(null)
  const [removing, setRemoving] = useState<Cluster | null>(null)
  const read = () => queryClient.invalidateQueries({ queryKey: [{ tags: ['clusters'] }] })
  return (
    <>
      <ListPage<Cluster>
        title="Other clusters"
        description="Kubernetes clusters where inferences can run, besides the platform's own"
        storeKey="clusters"
        actions={
          <Button size="xs" onClick={() => setDialog('new')}>
            Add a cluster
          </Button>
        }
        list={clusters}
        search={search}
        onSearch={change}
        columns={[
          { accessor: 'id', title: 'Id', sortable: true, width: 70 },
          { accessor: 'name', title: 'Name', sortable: true },
          { accessor: 'host', title: 'API address' },
          { accessor: 'namespace', title: 'Namespace' },
          {
            accessor: 'has_token',
            title: 'Token',
            render: (cluster) => (
              <StatusBadge
                state={cluster.has_token ? 'ready' : 'failed'}
                label={cluster.has_token ? 'kept' : 'missing'}
                tooltip={cluster.has_token ? undefined : 'Enter its token again'}
              />
            ),
          },
          { accessor: 'inferences', title: 'Inferences', textAlign: 'right' },
          { accessor: 'keda', title: 'KEDA', render: (cluster) => (cluster.keda ? 'yes' : 'no') },
          {
            accessor: 'updated_at',
            title: 'Changed',
            sortable: true,
            render: (cluster) => <Age at={cluster.updated_at} size="sm" />,
          },
          {
            accessor: 'actions',
            title: <VisuallyHidden>Actions</VisuallyHidden>,
            toggleable: false,
            textAlign: 'right',
            render: (cluster) => (
              <RowMenu
                name={cluster.name}
                actions={[
                  { label: 'Check', onClick: () => setChecking(cluster) },
                  { label: 'Change', onClick: () => setDialog(cluster) },
                  { label: 'Delete', onClick: () => setRemoving(cluster), danger: true },
                ]}
              />
            ),
          },
        ]}
        empty={
          <EmptyState
            title="No other clusters"
            action={<Button onClick={() => setDialog('new')}>Add a cluster</Button>}
            command="kafka-ml clusters create NAME --host https://HOST:6443 --namespace kafka-ml-jobs"
          >
            An inference can run where its data is: add a cluster with the token of a service account there, check it,
            and choose it under Advanced when you serve a model.
          </EmptyState>
        }
      />
      {dialog !== null && (
        <ClusterDialog
          key={dialog === 'new' ? 'new' : dialog.id}
          cluster={dialog === 'new' ? null : dialog}
          onClose={() => setDialog(null)}
          onDone={() => void read()}
        />
      )}
      {checking !== null && <CheckDialog cluster={checking} onClose={() => setChecking(null)} />}
      <ConfirmDelete
        opened={removing !== null}
        onClose={() => setRemoving(null)}
        what="cluster"
        name={removing?.name ?? ''}
        losses={['Its token, which cannot be read again', 'Nothing in the cluster itself is deleted']}
        onDelete={async () => {
          if (removing === null) return
          await clustersDestroy({ path: { id: String(removing.id) }, throwOnError: true })
          await read()
          notifyDone(`Cluster ${removing.name} deleted`)
        }}
      />
    </>
  )
}

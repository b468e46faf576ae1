/** Deployments that were made for a data set, whichever version. */
import { Skeleton } from '@mantine/core'
import type { UseQueryResult } from '@tanstack/react-query'
import { Age } from '~/components/Age'
import { ButtonLink, ConfigurationLink, DatasetLink, DeploymentLink, ResultLink } from '~/components/ButtonLink'
import { SmallPrint } from '~/components/Dimmed'
import { EmptyState } from '~/components/EmptyState'
import { ProblemAlert } from '~/components/ProblemAlert'
import { RowTable } from '~/components/RowTable'
import { StatusBadge } from '~/components/StatusBadge'
import type { Dataset, DatasetVersion, PaginatedDeploymentList } from '~/lib/api'
import { useSession } from '~/lib/session'

export function DatasetDeployments({
  dataset,
  version,
  deployments,
}: {
  dataset: Dataset
  version: DatasetVersion
  deployments: UseQueryResult<PaginatedDeploymentList, unknown>
}) {
  const { can } = useSession()
  if (!deployments.data) {
    if (!deployments.error) return <Skeleton height={120} role="status" aria-label="Loading" />
    return <ProblemAlert error={deployments.error} onRetry={() => void deployments.refetch()} />
  }
  const { results: rows, count } = deployments.data
  if (rows.length === 0)
    return (
      <EmptyState
        title="No deployments yet"
        action={
          can('editor') && (
            <ButtonLink to="/training/new" search={{ dataset: dataset.id, dataset_version: version.number }}>
              Train
            </ButtonLink>
          )
        }
        command={`kafka-ml deployments create CONFIGURATION --dataset ${dataset.id}`}
      >
        A deployment with a data set starts training at once; no program has to send anything.
      </EmptyState>
    )
  return (
    <>
      <RowTable
        label="Deployments"
        minWidth={640}
        maw={960}
        rows={rows}
        rowKey={(deployment) => deployment.id}
        columns={[
          {
            title: 'Deployment',
            rowHead: true,
            cell: (deployment) => <DeploymentLink id={deployment.id}>deployment {deployment.id}</DeploymentLink>,
          },
          {
            title: 'Configuration',
            cell: (deployment) => (
              <ConfigurationLink id={deployment.configuration}>{deployment.configuration_name}</ConfigurationLink>
            ),
          },
          {
            title: 'Data',
            cell: (deployment) => (
              <DatasetLink id={dataset.id} search={{ version: deployment.dataset?.version }}>
                version {deployment.dataset?.version}
              </DatasetLink>
            ),
          },
          {
            title: 'Results',
            cell: (deployment) =>
              deployment.results.map((result, place) => (
                <span key={result.id}>
                  {place > 0 && ', '}
                  <ResultLink id={result.id}>{result.model_name}</ResultLink>
                </span>
              )),
          },
          { title: 'State', cell: (deployment) => <StatusBadge state={deployment.state} /> },
          { title: 'Created', cell: (deployment) => <Age at={deployment.created_at} size="sm" /> },
        ]}
      />
      {count > rows.length && (
        <SmallPrint>
          The newest {rows.length} of {count}.
        </SmallPrint>
      )}
    </>
  )
}

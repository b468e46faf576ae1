/** The deployments of a configuration, newest first. */
import { Group, Stack, Text } from '@mantine/core'
import type { UseQueryResult } from '@tanstack/react-query'
import { Age } from '~/components/Age'
import { ButtonLink, DeploymentLink, ResultLink } from '~/components/ButtonLink'
import { SmallPrint } from '~/components/Dimmed'
import { EmptyState } from '~/components/EmptyState'
import { ProblemAlert } from '~/components/ProblemAlert'
import { RowTable } from '~/components/RowTable'
import { StatusBadge } from '~/components/StatusBadge'
import type { Configuration, PaginatedDeploymentList } from '~/lib/api'
import { plural } from '~/lib/format'
import { useSession } from '~/lib/session'

export function ConfigurationDeployments({
  configuration,
  deployments,
}: {
  configuration: Configuration
  deployments: UseQueryResult<PaginatedDeploymentList, unknown>
}) {
  const { can } = useSession()
  const rows = deployments.data?.results ?? []
  if (deployments.data?.count === 0) {
    return (
      <EmptyState
        title="Not deployed yet"
        action={
          can('editor') && (
            <ButtonLink to="/training/new" search={{ configuration: configuration.id }}>
              Deploy for training
            </ButtonLink>
          )
        }
        command={`kafka-ml deployments create ${configuration.id} --batch-size 32`}
      >
        A deployment starts one training run per model. Each run waits for its data, then trains.
      </EmptyState>
    )
  }
  return (
    <Stack gap="xs">
      <ProblemAlert error={deployments.error} />
      <RowTable
        label="Deployments of this configuration"
        minWidth={560}
        highlightOnHover
        rows={rows}
        rowKey={(row) => row.id}
        columns={[
          {
            title: 'Deployment',
            cell: (row) => <DeploymentLink id={row.id}>Deployment {row.id}</DeploymentLink>,
          },
          { title: 'State', cell: (row) => <StatusBadge state={row.state} /> },
          {
            title: 'Results',
            cell: (row) => (
              <Group gap="xs">
                {row.results.slice(0, 4).map((deployment) => (
                  <ResultLink id={deployment.id} key={deployment.id}>
                    {deployment.model_name}
                  </ResultLink>
                ))}
                {row.results.length > 4 && <Text size="sm">and {row.results.length - 4} more</Text>}
              </Group>
            ),
          },
          { title: 'Batch size', right: true, cell: (row) => row.batch_size },
          { title: 'Seed', right: true, cell: (row) => row.seed },
          { title: 'Created', cell: (row) => <Age at={row.created_at} size="sm" /> },
        ]}
      />
      {(deployments.data?.count ?? 0) > rows.length && (
        <SmallPrint>
          The newest {rows.length} of {plural(deployments.data?.count ?? 0, 'deployment')}
        </SmallPrint>
      )}
    </Stack>
  )
}

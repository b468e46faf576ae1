/** One deployment: what it waits for, the state of its runs, its settings; stop, delete, deploy again. */

import { Stack, Text } from '@mantine/core'
import { IconArrowsDiff, IconRefresh, IconTrash } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { ButtonLink, ConfigurationLink, DatasetLink } from '~/components/ButtonLink'
import { CopyAs } from '~/components/CopyAs'
import { DeleteDialog } from '~/components/DeleteDialog'
import { FailureAlert } from '~/components/FailureAlert'
import { ObjectPage } from '~/components/ObjectPage'
import { ProblemAlert } from '~/components/ProblemAlert'
import { StopTraining } from '~/components/StopTraining'
import { deploymentsRetrieveOptions, type ResultRow, resultsListOptions } from '~/lib/api'
import { curlCall } from '~/lib/equivalents'
import { hasEnded } from '~/lib/runs'
import { useSession } from '~/lib/session'
import { DeploymentRuns } from './DeploymentRuns'
import { DeploymentSettings } from './DeploymentSettings'
import { stateNote } from './metrics'
import { SendStream } from './SendStream'
import { joinIds } from './selection'
import { UnusedStreams } from './UnusedStreams'
import { useDeploymentsFollowResults } from './useDeploymentsFollowResults'

const NO_ROWS: ResultRow[] = []

export function DeploymentPage() {
  const { id } = useParams({ from: '/training/$id' })
  const { tab } = useSearch({ from: '/training/$id' })
  const navigate = useNavigate({ from: '/training/$id' })
  const { can } = useSession()
  const deployment = useQuery(deploymentsRetrieveOptions({ path: { id } }))
  const results = useQuery(resultsListOptions({ query: { deployment: Number(id), ordering: 'id', limit: 100 } }))
  useDeploymentsFollowResults()
  const [deleting, setDeleting] = useState(false)

  const shown = deployment.data
  // Placeholder rows belong to the previous address. No rows are better than wrong ones.
  const rows = results.data?.results.every((row) => row.deployment === Number(id))
    ? byRun(results.data.results)
    : NO_ROWS
  const going = shown?.results.some((row) => !hasEnded(row)) ?? false
  const waiting = shown?.results.filter((row) => row.state === 'waiting' && row.stream === null) ?? []
  const awaited = waiting.length > 0 && waiting.some((row) => row.desired === 'run')
  const failed = shown?.results.filter((row) => row.failure !== null && row.state === 'failed') ?? []

  return (
    <ObjectPage
      what="Deployment"
      id={Number(id)}
      title={shown ? `${shown.configuration_name} · ${id}` : 'Deployment'}
      state={shown?.state}
      stateTooltip={shown?.results.map(stateNote).find(Boolean)}
      createdAt={shown?.created_at}
      subtitle={
        shown && (
          <Text size="sm" component="div">
            of <ConfigurationLink id={shown.configuration}>{shown.configuration_name}</ConfigurationLink>
            {shown.dataset && (
              <>
                , on version {shown.dataset.version} of{' '}
                <DatasetLink id={shown.dataset.id} search={{ version: shown.dataset.version }}>
                  {shown.dataset.name}
                </DatasetLink>
              </>
            )}
          </Text>
        )
      }
      query={deployment}
      actions={
        shown && (
          <>
            {rows.filter(({ metrics }) => metrics !== null).length > 1 && (
              <ButtonLink
                variant="default"
                to="/training/compare"
                search={{ results: joinIds(rows.map((row) => row.id)) }}
                leftSection={<IconArrowsDiff size={14} aria-hidden />}
              >
                Compare
              </ButtonLink>
            )}
            {can('editor') && <StopTraining kind="deployment" id={shown.id} runs={shown.results} />}
            {can('editor') && (
              <ButtonLink
                variant="default"
                to="/training/new"
                search={{ configuration: shown.configuration, from: shown.id }}
                leftSection={<IconRefresh size={14} aria-hidden />}
              >
                Deploy again
              </ButtonLink>
            )}
            <CopyAs
              equivalents={{
                cli: `kafka-ml deployments show ${id}`,
                python: `from kafkaml.sdk import Client\n\nclient = Client()\ndeployment = client.deployments.get(${id})`,
                curl: curlCall('GET', `/api/deployments/${id}/`),
              }}
            />
          </>
        )
      }
      menu={
        can('editor')
          ? [
              {
                label: going ? 'Delete (stop it first)' : 'Delete',
                danger: true,
                disabled: going,
                icon: <IconTrash size={14} aria-hidden />,
                onClick: () => setDeleting(true),
              },
            ]
          : []
      }
      alerts={failed.map(
        (row) =>
          row.failure && (
            <FailureAlert
              key={row.id}
              failure={row.failure}
              of={failed.length > 1 || rows.length > 1 ? row.model_name : undefined}
              actions={
                <ButtonLink
                  variant="default"
                  to="/results/$id"
                  params={{ id: String(row.id) }}
                  search={{ tab: 'logs' }}
                >
                  Open its log
                </ButtonLink>
              }
            />
          ),
      )}
      tab={tab}
      onTab={(next) => void navigate({ search: { tab: next }, replace: true })}
      tabs={[
        {
          value: 'runs',
          label: 'Training runs',
          content: () => (
            <Stack gap="lg">
              <ProblemAlert error={results.error} onRetry={() => void results.refetch()} />
              <DeploymentRuns rows={rows} loading={results.isPending} />
              {shown && <UnusedStreams deployment={shown.id} />}
              {shown && awaited && !shown.dataset && <SendStream deployment={shown} />}
            </Stack>
          ),
        },
        {
          value: 'settings',
          label: 'Settings',
          content: () => shown && <DeploymentSettings deployment={shown} />,
        },
      ]}
    >
      {deleting && (
        <DeleteDialog
          kind="deployments"
          ids={[Number(id)]}
          onClose={() => setDeleting(false)}
          onDeleted={() => navigate({ to: '/training', search: {} })}
        />
      )}
    </ObjectPage>
  )
}

/** The rows with the parts of each run together, the lowest sub-model first. */
function byRun(rows: readonly ResultRow[]): ResultRow[] {
  return [...rows].sort((a, b) => (a.leader ?? a.id) - (b.leader ?? b.id) || (a.tier ?? 0) - (b.tier ?? 0))
}

/** All deployments, with the state of each of their models. */

import { Group, Stack, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import type { DataTableColumn } from 'mantine-datatable'
import type { ReactNode } from 'react'
import { Age } from '~/components/Age'
import { DeleteButton, StopRowsButton } from '~/components/BatchActions'
import { ButtonLink, ConfigurationLink, DeploymentLink, ResultLink } from '~/components/ButtonLink'
import { Dimmed } from '~/components/Dimmed'
import { EmptyState } from '~/components/EmptyState'
import { FilterSelect } from '~/components/FilterSelect'
import { FrameworkTitle } from '~/components/FrameworkMark'
import { ListPage } from '~/components/ListPage'
import { StatusBadge } from '~/components/StatusBadge'
import {
  configurationsListOptions,
  type Deployment,
  deploymentsListOptions,
  deploymentsOptionsRetrieveOptions,
  type ModeEnum,
} from '~/lib/api'
import { useFrameworks } from '~/lib/frameworks'
import { listQuery } from '~/lib/listSearch'
import { hasEnded } from '~/lib/runs'
import { useSession } from '~/lib/session'
import { useSelected } from '~/lib/useSelected'
import { argumentText, epochsOf } from './form'
import { stateNote } from './metrics'
import { RunProgress } from './RunProgress'
import { STATES, type TrainingSearch } from './routes'
import { useDeploymentsFollowResults } from './useDeploymentsFollowResults'

export function DeploymentList({
  search,
  onSearch,
  views,
}: {
  search: TrainingSearch
  onSearch: (change: Partial<TrainingSearch>) => void
  views: ReactNode
}) {
  const { can } = useSession()
  const navigate = useNavigate()
  const { state, configuration, mode } = search
  const query = { ...listQuery(search), state, configuration, mode: mode as ModeEnum | undefined }
  const list = useQuery(deploymentsListOptions({ query }))
  const configurations = useQuery(configurationsListOptions({ query: { limit: 200, ordering: 'name' } }))
  const { clear, ...chosen } = useSelected(list.data?.results)
  useDeploymentsFollowResults()
  const modes = useQuery(deploymentsOptionsRetrieveOptions()).data?.modes ?? []
  const deploy = can('editor') && <ButtonLink to="/training/new">Deploy for training</ButtonLink>
  return (
    <ListPage<Deployment>
      title="Training"
      description="A deployment trains the models of a configuration: they wait for their data, then train on it."
      storeKey="deployments"
      actions={deploy}
      views={views}
      filters={
        <>
          <FilterSelect label="State" data={STATES} value={state} onChange={(next) => onSearch({ state: next })} />
          <FilterSelect
            w={200}
            label="Configuration"
            searchable
            data={(configurations.data?.results ?? []).map((result) => ({
              value: String(result.id),
              label: result.name,
            }))}
            value={configuration?.toString()}
            onChange={(next) => onSearch({ configuration: next ? Number(next) : undefined })}
          />
          {modes.length > 1 && (
            <FilterSelect label="Mode" data={modes} value={mode} onChange={(next) => onSearch({ mode: next })} />
          )}
        </>
      }
      filtered={Boolean(state || configuration || mode)}
      list={list}
      columns={COLUMNS}
      search={search}
      onSearch={onSearch}
      onRowClick={(row) => void navigate({ to: '/training/$id', params: { id: String(row.id) } })}
      rowLabel={(row) => `deployment ${row.id}`}
      {...(can('editor') && {
        ...chosen,
        batchActions: (
          <>
            <StopRowsButton
              kind="deployments"
              rows={chosen.selected.map((row) => ({
                id: row.id,
                name: `deployment ${row.id} of ${row.configuration_name}`,
                going: row.results.some((deployment) => !hasEnded(deployment)),
              }))}
              onDone={clear}
            />
            <DeleteButton kind="deployments" ids={chosen.selected.map(({ id }) => id)} onDone={clear} />
          </>
        ),
      })}
      empty={
        <EmptyState
          title="No deployments yet"
          example="digits"
          action={deploy}
          command="kafka-ml deployments create 1 --confusion-matrix"
        >
          Deploy a configuration, and its models wait for data. Then send a stream to the deployment, and they train on
          it.
        </EmptyState>
      }
    />
  )
}

const COLUMNS: DataTableColumn<Deployment>[] = [
  {
    accessor: 'id',
    title: 'Deployment',
    sortable: true,
    width: 135,
    toggleable: false,
    render: (row) => (
      <DeploymentLink id={row.id} fw={500}>
        Deployment {row.id}
      </DeploymentLink>
    ),
  },
  {
    accessor: 'state',
    title: 'State',
    width: 120,
    render: (row) => <StatusBadge state={row.state} tooltip={row.results.map(stateNote).find(Boolean)} />,
  },
  {
    accessor: 'configuration_name',
    title: 'Configuration',
    render: (row) => <ConfigurationLink id={row.configuration}>{row.configuration_name}</ConfigurationLink>,
  },
  {
    accessor: 'results',
    title: 'Models',
    width: 330,
    render: (row) => (
      <Stack gap={4}>
        {row.results.map((result) => (
          <Group key={result.id} gap={8} wrap="nowrap" align="flex-start">
            <StatusBadge state={result.state} tooltip={stateNote(result)} />
            <Stack gap={0}>
              <span>
                <ResultLink id={result.id}>{result.model_name}</ResultLink>{' '}
                <Dimmed span>
                  <FrameworkTitle framework={result.framework} />
                </Dimmed>
              </span>
              {/* What waits has no progress, and its badge says so. */}
              {result.state !== 'waiting' && <RunProgress row={result} />}
            </Stack>
          </Group>
        ))}
      </Stack>
    ),
  },
  {
    accessor: 'batch_size',
    title: 'Epochs, batch',
    width: 100,
    render: (row) => <Epochs row={row} />,
  },
  {
    accessor: 'created_at',
    title: 'Age',
    sortable: true,
    width: 110,
    render: (row) => <Age at={row.created_at} size="sm" />,
  },
]

/** Epochs and batch size: '10 x 32', or '10 / 5 x 32' with two frameworks. */
function Epochs({ row }: { row: Deployment }) {
  const trained = useFrameworks().filter(({ name }) => row.results.some((result) => result.framework === name))
  const epochs = new Set(trained.map((framework) => epochsOf(framework, argumentText(row, framework.name, 'fit'))))
  return <Text size="sm">{`${[...epochs].join(' / ')}, ${row.batch_size}`}</Text>
}

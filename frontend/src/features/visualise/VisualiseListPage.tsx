/** Inferences whose predictions can be watched live. */

import { Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import type { DataTableColumn } from 'mantine-datatable'
import { ButtonLink, VisualiseLink } from '~/components/ButtonLink'
import { Dimmed } from '~/components/Dimmed'
import { EmptyState } from '~/components/EmptyState'
import { FilterSelect } from '~/components/FilterSelect'
import { InferenceBadge } from '~/components/InferenceBadge'
import { ListPage } from '~/components/ListPage'
import { type Inference, inferencesListOptions } from '~/lib/api'
import { formatExact, formatRate, plural } from '~/lib/format'
import { listQuery } from '~/lib/listSearch'
import { useListSearch } from '~/lib/useListSearch'
import type { VisualiseListSearch } from './routes'

const columns: DataTableColumn<Inference>[] = [
  {
    accessor: 'id',
    title: 'Inference',
    sortable: true,
    toggleable: false,
    width: 220,
    render: (row) => (
      <VisualiseLink id={row.id}>
        {row.model_name} ({row.id})
      </VisualiseLink>
    ),
  },
  {
    accessor: 'state',
    title: 'State',
    sortable: true,
    width: 120,
    render: (row) => <InferenceBadge inference={row} />,
  },
  {
    accessor: 'output_topic',
    title: 'Output topic',
    render: (row) => (
      <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
        {row.output_topic}
        {row.output_bootstrap_servers && ` (${row.output_bootstrap_servers})`}
      </Text>
    ),
  },
  {
    accessor: 'rate',
    title: 'Predictions',
    width: 110,
    textAlign: 'right',
    render: (row) => <span title={`${formatExact(row.stats.predicted)} so far`}>{formatRate(row.stats.rate)}</span>,
  },
  {
    accessor: 'visualization',
    title: 'View',
    width: 190,
    render: (row) =>
      row.visualization ? (
        <Text size="sm">
          {row.visualization.type}, {plural(row.visualization.labels.length, 'label')}
          {row.visualization.map ? ', map' : ''}
        </Text>
      ) : (
        <Dimmed>automatic</Dimmed>
      ),
  },
]

export function VisualiseListPage() {
  const [search, onSearch] = useListSearch<VisualiseListSearch>('/visualise')
  const navigate = useNavigate()
  const list = useQuery(inferencesListOptions({ query: { ...listQuery(search), state: search.state } }))
  return (
    <ListPage<Inference>
      title="Visualise"
      description="The predictions of inferences, live: as classes, as values, on a map."
      storeKey="visualise"
      list={list}
      columns={columns}
      search={search}
      onSearch={onSearch}
      filtered={search.state !== undefined}
      filters={
        <FilterSelect
          label="State"
          data={['running', 'failing', 'waiting', 'stopped', 'failed'] as const}
          value={search.state}
          onChange={(state) => onSearch({ state })}
        />
      }
      onRowClick={(row) => void navigate({ to: '/visualise/$id', params: { id: String(row.id) } })}
      empty={
        <EmptyState
          title="No predictions yet"
          example="digits"
          action={<ButtonLink to="/inference/new">Serve a model</ButtonLink>}
          command="kafka-ml inferences list"
        >
          A served model writes predictions to its output topic. They are shown here as they arrive: as classes, as
          lines or on a map.
        </EmptyState>
      }
    />
  )
}

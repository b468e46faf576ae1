/** All inferences: the topics that they read and write, and how well they keep up. */

import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import type { DataTableColumn } from 'mantine-datatable'
import { Age } from '~/components/Age'
import { DeleteButton, StopRowsButton } from '~/components/BatchActions'
import { ButtonLink, InferenceLink, TopicLink } from '~/components/ButtonLink'
import { Dimmed, SmallPrint } from '~/components/Dimmed'
import { EmptyState } from '~/components/EmptyState'
import { FilterSelect } from '~/components/FilterSelect'
import { InferenceBadge } from '~/components/InferenceBadge'
import { ListPage } from '~/components/ListPage'
import { type Inference, inferencesListOptions } from '~/lib/api'
import { formatCount, formatExact, formatMilliseconds, formatRate } from '~/lib/format'
import { listQuery } from '~/lib/listSearch'
import { hasEnded } from '~/lib/runs'
import { useSession } from '~/lib/session'
import { useListSearch } from '~/lib/useListSearch'
import { useSelected } from '~/lib/useSelected'
import { challengeLabel } from './challenge'
import { type InferenceListSearch, STATES } from './routes'
import { servingText } from './serving'

export function InferenceListPage() {
  const [search, change] = useListSearch<InferenceListSearch>('/inference')
  const { state, result } = search
  const navigate = useNavigate()
  const { can } = useSession()
  const query = useQuery(inferencesListOptions({ query: { ...listQuery(search), state, result } }))
  const { clear, ...chosen } = useSelected(query.data?.results)
  const create = can('editor') && (
    <>
      <ButtonLink variant="default" to="/inference/chain">
        Serve a chain
      </ButtonLink>
      <ButtonLink to="/inference/new">Serve a model</ButtonLink>
    </>
  )
  return (
    <ListPage<Inference>
      title="Inference"
      description="Trained models in service: each reads records from one topic and writes predictions to another."
      storeKey="inferences"
      actions={create}
      list={query}
      columns={COLUMNS}
      search={search}
      onSearch={change}
      filtered={state !== undefined || result !== undefined}
      filters={
        <>
          <FilterSelect label="State" data={STATES} value={state} onChange={(next) => change({ state: next })} />
          {result !== undefined && (
            <ButtonLink variant="default" to="/inference" search={{ ...search, result: undefined }}>
              of result {result} ✕
            </ButtonLink>
          )}
        </>
      }
      rowLabel={(row) => `inference ${row.id}`}
      {...(can('editor') && {
        ...chosen,
        batchActions: (
          <>
            <StopRowsButton
              kind="inferences"
              rows={chosen.selected.map((row) => ({
                id: row.id,
                name: `inference ${row.id}: ${row.model_name}, ${row.input_topic} → ${row.output_topic}`,
                going: !hasEnded(row),
              }))}
              onDone={clear}
            />
            <DeleteButton kind="inferences" ids={chosen.selected.map(({ id }) => id)} onDone={clear} />
          </>
        ),
      })}
      onRowClick={(row) => void navigate({ to: '/inference/$id', params: { id: String(row.id) } })}
      empty={
        <EmptyState
          title="No model is served yet"
          example="digits"
          action={create || undefined}
          command="kafka-ml inferences create RESULT --input digits-in --output digits-out"
        >
          A finished training run can be served: its replicas read records from an input topic and write predictions to
          an output topic as they arrive.
        </EmptyState>
      }
    />
  )
}

// Names of topics break anywhere, because they have no spaces. The margin keeps links apart enough for a finger.
const ANYWHERE = { overflowWrap: 'anywhere', marginBottom: 6 } as const

const COLUMNS: DataTableColumn<Inference>[] = [
  {
    accessor: 'model_name',
    title: 'Model',
    width: 150,
    render: (row) => (
      <>
        <InferenceLink id={row.id}>{row.model_name}</InferenceLink>
        <SmallPrint>
          inference {row.id}, version {row.version}
        </SmallPrint>
      </>
    ),
  },
  {
    accessor: 'state',
    title: 'State',
    sortable: true,
    render: (row) => <InferenceBadge inference={row} tooltip={stateTooltip(row)} />,
  },
  {
    accessor: 'input_topic',
    title: 'Input → output',
    width: 180,
    render: (row) => (
      <>
        <div style={ANYWHERE}>
          <TopicLink name={row.input_topic} />
        </div>
        <div style={ANYWHERE}>
          {/* This space does not break, so the arrow stays with the name. */}
          <Dimmed span>→{'\u00a0'}</Dimmed>
          {row.output_bootstrap_servers ? row.output_topic : <TopicLink name={row.output_topic} />}
        </div>
        <SmallPrint>{challengeLabel(row)}</SmallPrint>
      </>
    ),
  },
  {
    accessor: 'dead_lettered',
    title: 'Dead letters',
    textAlign: 'right',
    render: (row) =>
      row.stats.dead_lettered > 0 ? (
        <InferenceLink id={row.id} search={{ tab: 'letters' }} style={{ color: 'var(--kml-failed)' }}>
          {formatCount(row.stats.dead_lettered)}
        </InferenceLink>
      ) : (
        '0'
      ),
  },
  { accessor: 'rate', title: 'Rate', textAlign: 'right', render: (row) => formatRate(row.stats.rate) },
  { accessor: 'lag', title: 'Lag', textAlign: 'right', render: (row) => formatCount(row.stats.lag) },
  {
    accessor: 'predicted',
    title: 'Predictions',
    textAlign: 'right',
    render: (row) => <span title={formatExact(row.stats.predicted)}>{formatCount(row.stats.predicted)}</span>,
  },
  {
    accessor: 'latency',
    title: 'p50, p99',
    textAlign: 'right',
    render: ({ stats }) => (
      <>
        <div>{formatMilliseconds(stats.p50_ms)}</div>
        <div>{formatMilliseconds(stats.p99_ms)}</div>
      </>
    ),
  },
  {
    accessor: 'replicas',
    title: 'Replicas',
    textAlign: 'right',
    render: (row) =>
      row.replicas === 0 ? `${row.ready_replicas} elsewhere` : `${row.ready_replicas}/${row.current_replicas}`,
  },
  { accessor: 'created_at', title: 'Created', sortable: true, render: (row) => <Age at={row.created_at} size="sm" /> },
]

/** Explains the state of this inference. */
export function stateTooltip(inference: Inference): string {
  if (inference.failing) return inference.failing.reason
  if (inference.failure) return inference.failure.cause
  if (inference.desired === 'stopped' && inference.state === 'running') return 'Stopping'
  switch (inference.state) {
    case 'running':
      return servingText(inference)
    case 'waiting':
      return inference.replicas === 0 ? 'No external worker serves it at the moment' : 'Its replicas are starting'
    case 'stopped':
      return 'Stopped. Started again, it continues where it stopped reading'
    default:
      return ''
  }
}

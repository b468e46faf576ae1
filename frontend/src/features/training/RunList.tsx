/** The training runs of all deployments; those that are ticked can be compared. */
import { IconArrowsDiff } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { ButtonLink } from '~/components/ButtonLink'
import { EmptyState } from '~/components/EmptyState'
import { FilterSelect } from '~/components/FilterSelect'
import { ListPage } from '~/components/ListPage'
import { type ResultRow, resultsListOptions } from '~/lib/api'
import { useFrameworks } from '~/lib/frameworks'
import { listQuery } from '~/lib/listSearch'
import { STATES, type TrainingSearch } from './routes'
import * as columns from './runColumns'
import { joinIds, parseIds, reselect } from './selection'

const COLUMNS = [
  columns.MODEL,
  columns.FRAMEWORK,
  columns.STATE_AND_PROGRESS,
  columns.CURVE,
  columns.METRIC,
  columns.TEST,
  columns.DEPLOYMENT,
  columns.STREAM,
  columns.DURATION,
  columns.AGE,
]

export function RunList({
  search,
  onSearch,
  views,
}: {
  search: TrainingSearch
  onSearch: (change: Partial<TrainingSearch>) => void
  views: ReactNode
}) {
  const navigate = useNavigate()
  const { state, framework } = search
  const list = useQuery(resultsListOptions({ query: { ...listQuery(search), state, framework } }))
  const rows = list.data?.results
  const ids = parseIds(search.sel)
  return (
    <ListPage<ResultRow>
      title="Training"
      description="Every model of every deployment that trains, has trained, or waits. Tick two or more to compare them."
      storeKey="runs"
      views={views}
      filters={
        <>
          <FilterSelect label="State" data={STATES} value={state} onChange={(next) => onSearch({ state: next })} />
          <FilterSelect
            label="Framework"
            data={useFrameworks().map(({ name, title }) => ({ value: name, label: title }))}
            value={framework}
            onChange={(next) => onSearch({ framework: next })}
          />
        </>
      }
      filtered={Boolean(state || framework)}
      list={list}
      columns={COLUMNS}
      search={search}
      onSearch={onSearch}
      onRowClick={(row) => void navigate({ to: '/results/$id', params: { id: String(row.id) } })}
      rowLabel={(row) => `result ${row.id}, ${row.model_name}`}
      selected={(rows ?? []).filter((row) => ids.includes(row.id))}
      onSelect={(chosen) =>
        onSearch({
          sel: joinIds(
            reselect(
              ids,
              (rows ?? []).map((row) => row.id),
              chosen.map((row) => row.id),
            ),
          ),
          page: search.page,
        })
      }
      batchActions={
        ids.length > 1 && (
          <ButtonLink
            to="/training/compare"
            search={{ results: joinIds(ids) }}
            leftSection={<IconArrowsDiff size={14} aria-hidden />}
          >
            Compare {ids.length}
          </ButtonLink>
        )
      }
      empty={
        <EmptyState
          title="Nothing has trained yet"
          action={<ButtonLink to="/training/new">Deploy for training</ButtonLink>}
          command="kafka-ml results list"
        >
          Each model of a deployment becomes a training run. They appear here as soon as a configuration is deployed.
        </EmptyState>
      }
    />
  )
}

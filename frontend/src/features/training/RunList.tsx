/** The training runs of all deployments. Selected runs can be compared. */
import { IconArrowsDiff } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { type ReactNode, useMemo } from 'react'
import { DeleteButton, StopRowsButton } from '~/components/BatchActions'
import { ButtonLink } from '~/components/ButtonLink'
import { EmptyState } from '~/components/EmptyState'
import { FilterSelect } from '~/components/FilterSelect'
import { ListPage } from '~/components/ListPage'
import { SearchField } from '~/components/SearchField'
import { Toggle } from '~/components/Toggle'
import { type ResultRow, resultsListOptions } from '~/lib/api'
import { useFrameworks } from '~/lib/frameworks'
import { listQuery } from '~/lib/listSearch'
import { hasEnded } from '~/lib/runs'
import { useSession } from '~/lib/session'
import { STATES, type TrainingSearch } from './routes'
import * as columns from './runColumns'
import { columnsOf } from './runValues'
import { joinIds, parseIds, reselect } from './selection'
import { ValueMenu } from './ValueMenu'
import { ViewMenu } from './ViewMenu'

const AFTER = [columns.CURVE, columns.TRAINED_ON, columns.AGE]

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
  const { can } = useSession()
  const { state, framework, where, tag, favourite } = search
  const list = useQuery(
    resultsListOptions({ query: { ...listQuery(search), state, framework, where, tag, favourite } }),
  )
  const rows = list.data?.results
  const values = useMemo(() => columnsOf(search.cols, rows), [search.cols, rows])
  const shown = useMemo(
    () => [columns.NAMED, columns.STATE_AND_PROGRESS, ...values.map(columns.value), ...AFTER],
    [values],
  )
  const ids = parseIds(search.sel)
  const selected = (rows ?? []).filter((row) => ids.includes(row.id))
  const clear = () => onSearch({ sel: undefined, page: search.page })
  return (
    <ListPage<ResultRow>
      title="Training"
      description="All training runs: one per model of each deployment. Tick two or more to compare them."
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
          <SearchField
            w={210}
            label="Condition"
            placeholder="score.accuracy>=0.9"
            value={where ?? ''}
            wait={600}
            onChange={(next) => onSearch({ where: next })}
          />
          <FilterSelect
            label="Tag"
            data={[...new Set((rows ?? []).flatMap((row) => row.tags))].sort()}
            value={tag}
            onChange={(next) => onSearch({ tag: next })}
          />
          <Toggle
            label="Favourites"
            checked={favourite === true}
            onChange={(on) => onSearch({ favourite: on || undefined })}
          />
          <ViewMenu search={search} onSearch={onSearch} />
          <ValueMenu
            rows={rows ?? []}
            chosen={values}
            onChoose={(next) => onSearch({ cols: next.join(','), page: search.page })}
          />
        </>
      }
      filtered={Boolean(state || framework || where || tag || favourite)}
      list={list}
      columns={shown}
      search={search}
      onSearch={onSearch}
      onRowClick={(row) => void navigate({ to: '/results/$id', params: { id: String(row.id) } })}
      rowLabel={(row) => `result ${row.id}, ${row.model_name}`}
      selected={selected}
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
        <>
          {ids.length > 1 && (
            <ButtonLink
              to="/training/compare"
              search={{ results: joinIds(ids) }}
              leftSection={<IconArrowsDiff size={14} aria-hidden />}
            >
              Compare {ids.length}
            </ButtonLink>
          )}
          {can('editor') && (
            <>
              <StopRowsButton
                kind="results"
                rows={selected
                  // Only the leading part of a chain is stopped, because the other parts stop with it.
                  .filter((row) => row.leader === null)
                  .map((row) => ({ id: row.id, name: `result ${row.id}, ${row.model_name}`, going: !hasEnded(row) }))}
                onDone={clear}
              />
              <DeleteButton kind="results" ids={ids} onDone={clear} />
            </>
          )}
        </>
      }
      empty={
        <EmptyState
          title="No training runs yet"
          example="digits"
          action={<ButtonLink to="/training/new">Deploy for training</ButtonLink>}
          command="kafka-ml results list"
        >
          Each model of a deployment becomes a training run. They appear here as soon as a configuration is deployed.
        </EmptyState>
      }
    />
  )
}

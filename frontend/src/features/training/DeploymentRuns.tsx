/** The runs of one deployment, updated live. */

import { useNavigate } from '@tanstack/react-router'
import { ObjectTable } from '~/components/ObjectTable'
import type { ResultRow } from '~/lib/api'
import * as columns from './runColumns'

const COLUMNS = [
  columns.NAMED,
  columns.STATE,
  columns.PROGRESS,
  columns.CURVE,
  columns.METRIC,
  columns.TEST,
  columns.STREAM,
  columns.DURATION,
].map((column) => ({ ...column, sortable: false }))

export function DeploymentRuns({ rows, loading }: { rows: ResultRow[]; loading: boolean }) {
  const navigate = useNavigate()
  return (
    <ObjectTable<ResultRow>
      records={rows}
      fetching={loading}
      columns={COLUMNS}
      noRecordsText="No training runs"
      onRowClick={({ id }) => void navigate({ to: '/results/$id', params: { id: String(id) } })}
    />
  )
}

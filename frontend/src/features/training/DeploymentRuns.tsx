/** The runs of one deployment, as they go. */
import 'mantine-datatable/styles.css'
import { Box } from '@mantine/core'
import { useNavigate } from '@tanstack/react-router'
import { DataTable } from 'mantine-datatable'
import type { ResultRow } from '~/lib/api'
import * as columns from './runColumns'

const COLUMNS = [
  columns.MODEL,
  columns.FRAMEWORK,
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
    <Box style={{ minWidth: 0 }}>
      <DataTable<ResultRow>
        withTableBorder
        borderRadius="sm"
        highlightOnHover
        verticalSpacing={6}
        fz="sm"
        minHeight={rows.length === 0 ? 120 : 0}
        records={rows}
        fetching={loading}
        loaderBackgroundBlur={0}
        columns={COLUMNS}
        idAccessor="id"
        noRecordsText="No training runs"
        onRowClick={({ record, event }) => {
          if ((event.target as HTMLElement).closest('a, button')) return
          void navigate({ to: '/results/$id', params: { id: String(record.id) } })
        }}
      />
    </Box>
  )
}

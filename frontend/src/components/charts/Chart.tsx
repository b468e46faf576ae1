/**
 * Chart: a picture made by the chart library, which is loaded when the first one is drawn; importing this is cheap.
 * ChartFrame puts a title, "view as table", PNG and JSON around it. Animation is off unless the option turns it on.
 */

import { ActionIcon, Box, Group, Skeleton, Title, Tooltip } from '@mantine/core'
import { IconBraces, IconChartLine, IconPhotoDown, IconTable } from '@tabler/icons-react'
import type { ECharts, EChartsCoreOption } from 'echarts/core'
import { lazy, type ReactNode, type Ref, Suspense, useRef, useState } from 'react'
import { SmallPrint } from '~/components/Dimmed'
import { RowTable } from '~/components/RowTable'
import { fileName, saveFile, saveUrl } from '~/lib/saveFile'

export interface ChartHandle {
  /** The picture as a data URL; null before it is drawn. */
  toPng: () => string | null
  /** The chart object of the library; null before it is drawn. */
  chart: () => ECharts | null
}

export interface ChartProps {
  /** The option of the chart library. Keep it the same object (useMemo) while nothing changes. */
  option: EChartsCoreOption
  /** Describes the picture to screen readers. */
  label: string
  /** Height of the chart in pixels. */
  height: number
  /** Called when a point is clicked: index of its series, its value, its index in the series. */
  onPoint?: (series: number, value: unknown, index: number) => void
  handle?: Ref<ChartHandle>
}

const EChart = lazy(() => import('./EChart'))

export function Chart(props: ChartProps) {
  return (
    <Suspense fallback={<Skeleton height={props.height} role="status" aria-label={`${props.label}, loading`} />}>
      <EChart {...props} />
    </Suspense>
  )
}

export interface ChartTable {
  columns: readonly string[]
  /** The rows, one text per column; the first text heads its row. */
  rows: readonly (readonly string[])[]
}

export function ChartFrame({
  title,
  name,
  table,
  data,
  ...chart
}: {
  title?: string
  /** Name of exported files, without ending. */
  name: string
  /** The numbers of the chart as a table of texts. */
  table: () => ChartTable
  /** The data that "save as JSON" writes. */
  data: () => unknown
} & Omit<ChartProps, 'handle'>) {
  const handle = useRef<ChartHandle>(null)
  const [asTable, setAsTable] = useState(false)
  const savePng = () => {
    const url = handle.current?.toPng()
    if (url) saveUrl(`${fileName(name)}.png`, url)
  }
  return (
    <Box style={{ minWidth: 0 }}>
      <Group justify="space-between" gap="xs" mb={4}>
        {title ? (
          <Title order={2} size="h3" style={{ overflowWrap: 'anywhere' }}>
            {title}
          </Title>
        ) : (
          <span />
        )}
        <Group gap={4}>
          <ToolButton
            label={asTable ? 'View as chart' : 'View as table'}
            onClick={() => setAsTable(!asTable)}
            icon={asTable ? <IconChartLine size={16} aria-hidden /> : <IconTable size={16} aria-hidden />}
          />
          <ToolButton
            label="Save as PNG"
            disabled={asTable}
            onClick={savePng}
            icon={<IconPhotoDown size={16} aria-hidden />}
          />
          <ToolButton
            label="Save as JSON"
            onClick={() => saveFile(`${fileName(name)}.json`, JSON.stringify(data(), null, 2), 'application/json')}
            icon={<IconBraces size={16} aria-hidden />}
          />
        </Group>
      </Group>
      {asTable ? <TableView table={table()} label={chart.label} /> : <Chart {...chart} handle={handle} />}
    </Box>
  )
}

function ToolButton({
  label,
  icon,
  onClick,
  disabled = false,
}: {
  label: string
  icon: ReactNode
  onClick: () => void
  disabled?: boolean
}) {
  return (
    <Tooltip label={label}>
      <ActionIcon variant="subtle" color="gray" size="sm" aria-label={label} onClick={onClick} disabled={disabled}>
        {icon}
      </ActionIcon>
    </Tooltip>
  )
}

/** The most rows of "view as table". More would freeze the page; the JSON holds them all. */
const MAX_ROWS = 1000

function TableView({ table, label }: { table: ChartTable; label: string }) {
  const rows = table.rows.slice(-MAX_ROWS)
  return (
    <Box>
      {rows.length < table.rows.length && (
        <SmallPrint>
          The last {MAX_ROWS} of {table.rows.length} rows; "Save as JSON" has them all.
        </SmallPrint>
      )}
      <RowTable<readonly string[]>
        label={label}
        minWidth={0}
        maxHeight={360}
        stickyHeader
        fz="xs"
        verticalSpacing={4}
        rows={rows}
        rowKey={([head = '']) => head}
        columns={table.columns.map((title, place) => ({ title, rowHead: place === 0, cell: (row) => row[place] }))}
      />
    </Box>
  )
}

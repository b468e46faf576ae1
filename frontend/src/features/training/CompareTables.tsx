/** Metrics and settings of the compared runs, with one column per run. */
import { Box, Group, Text } from '@mantine/core'
import { IconTrophy } from '@tabler/icons-react'
import type { ReactNode } from 'react'
import { Dimmed, SmallPrint } from '~/components/Dimmed'
import { type Column, RowTable } from '~/components/RowTable'
import { Toggle } from '~/components/Toggle'
import { formatMeasured, NONE } from '~/lib/format'
import type { DiffRow, MetricRow } from './compare'

/** The heading of a run's column, and the same as text. */
export interface Head {
  name: string
  title: ReactNode
}

/** One column per run. */
function runColumns<Row>(heads: readonly Head[], cell: (row: Row, run: number) => ReactNode): Column<Row>[] {
  return heads.map((head, run) => ({
    ...head,
    cell: (row) => cell(row, run),
    td: { miw: 150, style: { overflowWrap: 'anywhere' } },
  }))
}

export function MetricTable({ rows, heads }: { rows: readonly MetricRow[]; heads: readonly Head[] }) {
  if (rows.length === 0) return <Text c="dimmed">No epoch has finished yet.</Text>
  return (
    <RowTable
      label="Metrics of the compared runs"
      minWidth={200 + heads.length * 150}
      verticalSpacing={4}
      rows={rows}
      rowKey={(row) => row.name}
      columns={[
        {
          title: 'Metric',
          w: 220,
          rowHead: true,
          cell: (row) => (
            <Text span size="sm" fw={400}>
              <Text span inherit fw={row.score ? 600 : 400}>
                {row.name}
              </Text>
              {row.note && <SmallPrint>{row.note}</SmallPrint>}
            </Text>
          ),
        },
        ...runColumns<MetricRow>(heads, (row, run) => {
          const best = row.best.includes(run)
          return (
            <Group gap={4} wrap="nowrap" fw={best ? 600 : 400}>
              {formatMeasured(row.values[run])}
              {best && <IconTrophy size={14} role="img" aria-label="best" style={{ color: 'var(--kml-good)' }} />}
            </Group>
          )
        }),
      ]}
    />
  )
}

export function SettingTable({
  rows,
  heads,
  all,
  onAll,
}: {
  rows: readonly DiffRow[]
  heads: readonly Head[]
  /** Whether rows without a difference are shown too. */
  all: boolean
  onAll: (all: boolean) => void
}) {
  const shown = all ? rows : rows.filter((row) => row.differs)
  return (
    <Box>
      <Group justify="flex-end" mb="xs">
        <Toggle
          label={`Show equal values too (${rows.filter((row) => !row.differs).length})`}
          checked={all}
          onChange={onAll}
        />
      </Group>
      {shown.length === 0 ? (
        <Text size="sm">All settings are equal.</Text>
      ) : (
        <RowTable
          label="Settings of the compared runs"
          minWidth={200 + heads.length * 150}
          verticalSpacing={4}
          rows={shown}
          rowKey={(row) => row.name}
          rowProps={(row) =>
            row.differs && all ? { bg: 'light-dark(var(--mantine-color-gray-1), var(--mantine-color-dark-6))' } : {}
          }
          columns={[
            {
              title: 'Setting',
              w: 220,
              rowHead: true,
              cell: (row) => (
                <Text span size="sm" fw={row.differs && all ? 600 : 400}>
                  {row.name}
                </Text>
              ),
            },
            ...runColumns<DiffRow>(heads, ({ values }, run) =>
              values[run] === NONE ? <Dimmed>{NONE}</Dimmed> : values[run],
            ),
          ]}
        />
      )}
    </Box>
  )
}

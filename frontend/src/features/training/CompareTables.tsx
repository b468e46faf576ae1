/** Metrics and settings of the compared runs, one column each. */
import { Box, Group, Switch, Table, Text } from '@mantine/core'
import { IconTrophy } from '@tabler/icons-react'
import type { ReactNode } from 'react'
import { ScrollTable } from '~/components/ScrollTable'
import { formatMeasured, NONE } from '~/lib/format'
import type { DiffRow, MetricRow } from './compare'

function Head({ first, heads }: { first: string; heads: readonly ReactNode[] }) {
  return (
    <Table.Thead>
      <Table.Tr>
        <Table.Th w={220}>{first}</Table.Th>
        {heads.map((head, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a run's column has no other name
          <Table.Th key={index} miw={150}>
            {head}
          </Table.Th>
        ))}
      </Table.Tr>
    </Table.Thead>
  )
}

export function MetricTable({ rows, heads }: { rows: readonly MetricRow[]; heads: readonly ReactNode[] }) {
  if (rows.length === 0) return <Text c="dimmed">No epoch has ended yet.</Text>
  return (
    <ScrollTable label="Metrics of the compared runs" minWidth={200 + heads.length * 150} verticalSpacing={4}>
      <Head first="Metric" heads={heads} />
      <Table.Tbody>
        {rows.map((row) => (
          <Table.Tr key={row.name}>
            <Table.Th scope="row" fw={400}>
              {row.name}
            </Table.Th>
            {row.values.map((value, index) => {
              const best = row.best.includes(index)
              return (
                // biome-ignore lint/suspicious/noArrayIndexKey: a run's column has no other name
                <Table.Td key={index} fw={best ? 600 : 400}>
                  <Group gap={4} wrap="nowrap">
                    {formatMeasured(value)}
                    {best && <IconTrophy size={14} role="img" aria-label="best" style={{ color: 'var(--kml-good)' }} />}
                  </Group>
                </Table.Td>
              )
            })}
          </Table.Tr>
        ))}
      </Table.Tbody>
    </ScrollTable>
  )
}

export function SettingTable({
  rows,
  heads,
  all,
  onAll,
}: {
  rows: readonly DiffRow[]
  heads: readonly ReactNode[]
  /** Whether rows without a difference are shown too. */
  all: boolean
  onAll: (all: boolean) => void
}) {
  const shown = all ? rows : rows.filter((row) => row.differs)
  return (
    <Box>
      <Group justify="flex-end" mb="xs">
        <Switch
          size="xs"
          label={`Show what is equal too (${rows.filter((row) => !row.differs).length})`}
          checked={all}
          onChange={(event) => onAll(event.currentTarget.checked)}
        />
      </Group>
      {shown.length === 0 ? (
        <Text size="sm">Nothing differs in the settings.</Text>
      ) : (
        <ScrollTable label="Settings of the compared runs" minWidth={200 + heads.length * 150} verticalSpacing={4}>
          <Head first="Setting" heads={heads} />
          <Table.Tbody>
            {shown.map((row) => (
              <Table.Tr
                key={row.name}
                {...(row.differs && all
                  ? { bg: 'light-dark(var(--mantine-color-gray-1), var(--mantine-color-dark-6))' }
                  : {})}
              >
                <Table.Th scope="row" fw={row.differs && all ? 600 : 400}>
                  {row.name}
                </Table.Th>
                {row.values.map((value, index) => (
                  <Table.Td
                    // biome-ignore lint/suspicious/noArrayIndexKey: a run's column has no other name
                    key={index}
                    c={value === NONE ? 'dimmed' : undefined}
                    style={{ overflowWrap: 'anywhere' }}
                  >
                    {value}
                  </Table.Td>
                ))}
              </Table.Tr>
            ))}
          </Table.Tbody>
        </ScrollTable>
      )}
    </Box>
  )
}

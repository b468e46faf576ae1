/** Models and chains with what they take and answer. */
import { Group, Table, Text } from '@mantine/core'
import type { ReactNode } from 'react'
import { FrameworkMark } from '~/components/FrameworkMark'
import { ScrollTable } from '~/components/ScrollTable'
import { TensorShapes } from '~/components/TensorShapes'
import { formatCount } from '~/lib/format'
import { UnitLabel } from './UnitLabel'
import type { Unit } from './units'

export function UnitTable({
  units,
  label,
  lead,
  maxHeight,
}: {
  units: readonly Unit[]
  label: string
  /** The first cell of a row, such as a checkbox. */
  lead?: (unit: Unit) => ReactNode
  maxHeight?: number
}) {
  return (
    <ScrollTable label={label} minWidth={480} maxHeight={maxHeight} highlightOnHover stickyHeader>
      <Table.Thead>
        <Table.Tr>
          {lead && <Table.Th w={44}>Use</Table.Th>}
          <Table.Th>Model</Table.Th>
          <Table.Th>Framework</Table.Th>
          <Table.Th>Input → output</Table.Th>
          <Table.Th ta="right">Parameters</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {units.map((unit) => (
          <Table.Tr key={unit.map(({ id }) => id).join('-')}>
            {lead && <Table.Td>{lead(unit)}</Table.Td>}
            <Table.Td>
              <UnitLabel unit={unit} />
              {unit.length > 1 && (
                <Text size="xs" c="dimmed">
                  {unit.length} parts of a distributed model
                </Text>
              )}
            </Table.Td>
            <Table.Td>
              <Group gap={4}>
                {[...new Set(unit.map(({ framework }) => framework))].map((each) => (
                  <FrameworkMark key={each} framework={each} />
                ))}
              </Group>
            </Table.Td>
            <Table.Td>
              <TensorShapes inputs={unit[0].inputs} outputs={unit.at(-1)?.outputs} />
            </Table.Td>
            <Table.Td ta="right">
              {formatCount(unit.reduce((sum, { parameters }) => sum + (parameters ?? 0), 0))}
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </ScrollTable>
  )
}

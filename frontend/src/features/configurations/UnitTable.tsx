/** Models and chains with their inputs and outputs. */
import { Group } from '@mantine/core'
import type { ReactNode } from 'react'
import { SmallPrint } from '~/components/Dimmed'
import { FrameworkMark } from '~/components/FrameworkMark'
import { RowTable } from '~/components/RowTable'
import { TensorShapes } from '~/components/TensorShapes'
import { UnitLabel } from '~/components/UnitLabel'
import { formatCount } from '~/lib/format'
import type { Unit } from '~/lib/units'

export function UnitTable({
  units,
  label,
  lead,
  maxHeight,
}: {
  units: readonly Unit[]
  label: string
  /** Content of the first cell of a row, such as a checkbox. */
  lead?: (unit: Unit) => ReactNode
  maxHeight?: number
}) {
  return (
    <RowTable
      label={label}
      minWidth={480}
      maxHeight={maxHeight}
      highlightOnHover
      stickyHeader
      rows={units}
      rowKey={(unit) => unit.map(({ id }) => id).join('-')}
      columns={[
        lead && { title: 'Use', w: 44, cell: (unit) => lead(unit) },
        {
          title: 'Model',
          cell: (unit) => (
            <>
              <UnitLabel unit={unit} />
              {unit.length > 1 && <SmallPrint>a distributed model of {unit.length} sub-models</SmallPrint>}
            </>
          ),
        },
        {
          title: 'Framework',
          cell: (unit) => (
            <Group gap={4}>
              {[...new Set(unit.map(({ framework }) => framework))].map((framework) => (
                <FrameworkMark key={framework} framework={framework} />
              ))}
            </Group>
          ),
        },
        {
          title: 'Input → output',
          cell: (unit) => <TensorShapes inputs={unit[0].inputs} outputs={unit.at(-1)?.outputs} />,
        },
        {
          title: 'Parameters',
          right: true,
          cell: (unit) => formatCount(unit.reduce((sum, { parameters }) => sum + (parameters ?? 0), 0)),
        },
      ]}
    />
  )
}

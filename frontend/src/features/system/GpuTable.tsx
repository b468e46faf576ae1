/** GPUs with their memory and use. */
import { Progress, Text } from '@mantine/core'
import { RowTable } from '~/components/RowTable'
import type { System } from '~/lib/api'
import { formatBytes, formatPercent, NONE } from '~/lib/format'

export function GpuTable({ gpus }: { gpus: System['gpus'] }) {
  return (
    <RowTable
      label="GPUs"
      minWidth={480}
      rows={gpus}
      rowKey={(gpu) => gpu.index}
      columns={[
        { title: 'GPU', cell: ({ index, name }) => `${index}: ${name}` },
        {
          title: 'Memory',
          cell: ({ index, memory_used, memory_total }) => (
            <>
              <Text size="sm">
                {formatBytes(memory_used)} of {formatBytes(memory_total)}
              </Text>
              <Progress
                value={memory_total > 0 ? (100 * memory_used) / memory_total : 0}
                size="xs"
                aria-label={`Memory of GPU ${index}`}
              />
            </>
          ),
        },
        { title: 'Utilisation', right: true, cell: ({ use }) => formatPercent(use === null ? null : use / 100) },
        {
          title: 'Temperature',
          right: true,
          cell: ({ temperature }) => (temperature === null ? NONE : `${temperature} °C`),
        },
      ]}
    />
  )
}

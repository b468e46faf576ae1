/** GPUs with their memory and use. */
import { Progress, Table, Text } from '@mantine/core'
import { ScrollTable } from '~/components/ScrollTable'
import type { System } from '~/lib/api'
import { formatBytes, formatPercent, NONE } from '~/lib/format'

export function GpuTable({ gpus }: { gpus: System['gpus'] }) {
  return (
    <ScrollTable label="GPUs" minWidth={480}>
      <Table.Thead>
        <Table.Tr>
          <Table.Th>GPU</Table.Th>
          <Table.Th>Memory</Table.Th>
          <Table.Th ta="right">Use</Table.Th>
          <Table.Th ta="right">Temperature</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {gpus.map((gpu) => {
          const share = gpu.memory_total > 0 ? gpu.memory_used / gpu.memory_total : 0
          return (
            <Table.Tr key={gpu.index}>
              <Table.Td>
                {gpu.index}: {gpu.name}
              </Table.Td>
              <Table.Td>
                <Text size="sm">
                  {formatBytes(gpu.memory_used)} of {formatBytes(gpu.memory_total)}
                </Text>
                <Progress value={share * 100} size="xs" aria-label={`Memory of GPU ${gpu.index}`} />
              </Table.Td>
              <Table.Td ta="right">{formatPercent(gpu.use === null ? null : gpu.use / 100)}</Table.Td>
              <Table.Td ta="right">{gpu.temperature === null ? NONE : `${gpu.temperature} °C`}</Table.Td>
            </Table.Tr>
          )
        })}
      </Table.Tbody>
    </ScrollTable>
  )
}

/** Learning curves, and each metric's last, best and chosen value. */
import { Box, NumberInput, Stack, Table, Text, Title } from '@mantine/core'
import { summarise } from '~/components/charts/curves'
import { LearningCurves } from '~/components/charts/LearningCurves'
import { Sparkline } from '~/components/charts/Sparkline'
import { ScrollTable } from '~/components/ScrollTable'
import type { Result } from '~/lib/api'
import { formatMeasured, formatMetric, NONE } from '~/lib/format'
import { useCurves } from './useCurves'

export function MetricsTab({
  result,
  epoch,
  onEpoch,
}: {
  result: Result
  epoch: number | undefined
  onEpoch: (epoch: number | undefined) => void
}) {
  const series = useCurves(result)
  if (result.epochs.length === 0) {
    return <Text c="dimmed">No epoch has ended yet. The curves grow with each one.</Text>
  }
  return (
    <Stack gap="xl">
      <LearningCurves series={series} height={300} name={`result-${result.id}`} />
      <MetricsTable result={result} epoch={epoch} onEpoch={onEpoch} />
    </Stack>
  )
}

function MetricsTable({
  result,
  epoch,
  onEpoch,
}: {
  result: Result
  epoch: number | undefined
  onEpoch: (epoch: number | undefined) => void
}) {
  const rows = summarise(result.epochs)
  const last = result.epochs.at(-1)?.epoch ?? 1
  const chosen = result.epochs.find((each) => each.epoch === epoch)
  const tests = result.outcome?.test_metrics ?? {}
  return (
    <Box>
      <Box style={{ display: 'flex', justifyContent: 'space-between', alignItems: 'flex-end', gap: 12 }} mb="xs">
        <Title order={2}>Values</Title>
        <NumberInput
          size="xs"
          w={140}
          label="At epoch"
          min={1}
          max={last}
          clampBehavior="blur"
          allowDecimal={false}
          placeholder={String(last)}
          value={epoch ?? ''}
          onChange={(value) => onEpoch(typeof value === 'number' && value >= 1 ? value : undefined)}
        />
      </Box>
      <ScrollTable label="Values" minWidth={560}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Metric</Table.Th>
            <Table.Th>Course</Table.Th>
            <Table.Th ta="right">Last</Table.Th>
            <Table.Th ta="right">Best</Table.Th>
            <Table.Th ta="right">In epoch</Table.Th>
            <Table.Th ta="right">{chosen ? `At epoch ${chosen.epoch}` : 'At epoch'}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map((row) => (
            <Table.Tr key={`${row.metric} ${row.part}`}>
              <Table.Th scope="row" fw={500}>
                {row.metric}{' '}
                <Text span size="sm" c="dimmed">
                  {row.part}
                </Text>
              </Table.Th>
              <Table.Td>
                <Sparkline
                  label={`${row.metric}, ${row.part}`}
                  values={result.epochs.flatMap(
                    (each) => each[row.part][row.metric] ?? (row.metric in each[row.part] ? null : []),
                  )}
                />
              </Table.Td>
              <Table.Td ta="right">{formatMeasured(row.last)}</Table.Td>
              <Table.Td ta="right">{formatMetric(row.best)}</Table.Td>
              <Table.Td ta="right">{row.bestEpoch ?? NONE}</Table.Td>
              <Table.Td ta="right">{formatMeasured(chosen?.[row.part][row.metric])}</Table.Td>
            </Table.Tr>
          ))}
          {Object.entries(tests).map(([name, value]) => (
            <Table.Tr key={`test ${name}`}>
              <Table.Th scope="row" fw={500}>
                {name}{' '}
                <Text span size="sm" c="dimmed">
                  test
                </Text>
              </Table.Th>
              <Table.Td c="dimmed">after the last epoch</Table.Td>
              <Table.Td ta="right">{formatMeasured(value)}</Table.Td>
              <Table.Td ta="right">{NONE}</Table.Td>
              <Table.Td ta="right">{NONE}</Table.Td>
              <Table.Td ta="right">{NONE}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </ScrollTable>
    </Box>
  )
}

/** The last and best value of each metric, and its value at a chosen epoch. */
import { Box, Title } from '@mantine/core'
import { PART_NAMES, summarise, unitOf } from '~/components/charts/curves'
import { Sparkline } from '~/components/charts/Sparkline'
import { Dimmed } from '~/components/Dimmed'
import { NumberField } from '~/components/NumberField'
import { RowTable } from '~/components/RowTable'
import type { EpochMetrics, Result } from '~/lib/api'
import { formatMeasured, formatMetric, NONE } from '~/lib/format'
import { scoreTitle } from '~/lib/scores'

export function MetricValues({
  result,
  epochs,
  epoch,
  onEpoch,
}: {
  result: Result
  epochs: readonly EpochMetrics[]
  epoch: number | undefined
  onEpoch: (epoch: number | undefined) => void
}) {
  const unit = unitOf(result.metrics)
  const last = epochs.at(-1)?.epoch ?? 1
  // Long trainings keep only some windows here. The nearest earlier one is shown under its own number.
  const chosen = epoch === undefined ? undefined : epochs.findLast((candidate) => candidate.epoch <= epoch)
  const rows = [
    ...summarise(epochs).map(({ metric, part, last, best, bestEpoch }) => ({
      metric,
      part: PART_NAMES[part],
      course: (
        <Sparkline
          label={`${metric}, ${PART_NAMES[part]}`}
          values={epochs.flatMap((metrics) => metrics[part][metric] ?? (metric in metrics[part] ? null : []))}
        />
      ),
      last,
      best: formatMetric(best),
      bestEpoch: bestEpoch ?? NONE,
      chosen: formatMeasured(chosen?.[part][metric]),
    })),
    ...[
      ...Object.entries(result.outcome?.scores ?? {}).map(([name, value]) => [scoreTitle(name), value, true] as const),
      ...Object.entries(result.outcome?.test_metrics ?? {}).map(([name, value]) => [name, value, false] as const),
    ].map(([metric, last, score]) => ({
      metric,
      part: score ? 'score' : 'test',
      course: <Dimmed span>{score ? 'by one rule for all frameworks' : testedAt(result, unit)}</Dimmed>,
      last,
      best: NONE,
      bestEpoch: NONE,
      chosen: NONE,
    })),
  ]
  return (
    <Box>
      <Box style={{ display: 'flex', justifyContent: 'space-between', alignItems: 'flex-end', gap: 12 }} mb="xs">
        <Title order={2}>Values</Title>
        <NumberField
          size="xs"
          w={140}
          label={`At ${unit}`}
          min={1}
          max={last}
          clampBehavior="blur"
          allowDecimal={false}
          placeholder={String(last)}
          value={epoch ?? ''}
          onChange={(value) => onEpoch(typeof value === 'number' && value >= 1 ? value : undefined)}
        />
      </Box>
      <RowTable
        label="Values"
        minWidth={560}
        rows={rows}
        rowKey={({ metric, part }) => `${metric} ${part}`}
        columns={[
          {
            title: 'Metric',
            rowHead: true,
            cell: ({ metric, part }) => (
              <>
                {metric} <Dimmed span>{part}</Dimmed>
              </>
            ),
          },
          { title: 'Trend', cell: ({ course }) => course },
          { title: 'Last', right: true, cell: (row) => formatMeasured(row.last) },
          { title: 'Best', right: true, cell: (row) => row.best },
          { title: `Best ${unit}`, right: true, cell: (row) => row.bestEpoch },
          { title: chosen ? `At ${unit} ${chosen.epoch}` : `At ${unit}`, right: true, cell: (row) => row.chosen },
        ]}
      />
    </Box>
  )
}

/** The weights that were tested: those of the result. */
export function testedAt(
  { outcome, current_version }: Pick<Result, 'outcome' | 'current_version'>,
  unit: string,
): string {
  if (unit === 'window') return current_version === null ? 'after the last window' : `of version ${current_version}`
  const best = outcome?.best_epoch
  return best?.restored ? `of ${unit} ${best.epoch}, the best` : `after the last ${unit}`
}

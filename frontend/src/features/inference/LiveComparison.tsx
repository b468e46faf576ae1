/** How the predictions of two versions for the same records compare, as counted by the replicas. */
import { Box, Group, Progress, Stack, Text } from '@mantine/core'
import type { EChartsCoreOption } from 'echarts/core'
import { useMemo } from 'react'
import { ChartFrame } from '~/components/charts/Chart'
import { SmallPrint } from '~/components/Dimmed'
import { RowTable } from '~/components/RowTable'
import { Stat } from '~/components/Stat'
import type { Compared, LiveComparison as Found, Inference, InferenceChallenger } from '~/lib/api'
import { formatCount, formatExact, formatMeasured, formatMilliseconds, formatPercent, NONE, plural } from '~/lib/format'
import { useLive } from '~/lib/live'
import { accuracyOf, agreementOf, lastHeard, ruleProgress, ruleText } from './challenge'
import { useSilence } from './useSilence'

interface Measure {
  name: string
  meaning: string
  of: (side: Compared) => string
}

export function LiveComparison({
  inference,
  challenger,
  found,
}: {
  inference: Inference
  challenger: InferenceChallenger
  found: Found
}) {
  const { paused } = useLive()
  const ended = inference.last_challenge !== null
  const silent = useSilence(lastHeard(inference)) && !ended
  const { champion } = found
  return (
    <Stack gap="lg" component="section" aria-label="Live comparison" data-silent={silent || undefined}>
      {silent && (
        <Text size="sm" role="status" style={{ color: 'var(--kml-waiting)' }}>
          {paused
            ? 'The page is paused: these figures are not current.'
            : inference.desired === 'run'
              ? 'No replica has reported for more than 5 seconds: these figures are not current.'
              : 'It is stopped: these are its last figures.'}
        </Text>
      )}
      {/* Old figures are dimmed by colour, because at half opacity they would be too pale to read. */}
      <Stack gap="lg" {...(silent && { c: 'dimmed' })}>
        <Group gap={40} align="flex-start">
          <Stat
            name="Equal predictions"
            value={formatPercent(agreementOf(found))}
            note={`${formatExact(found.agreed)} of those compared`}
          />
          <Stat
            name="Compared"
            value={formatCount(found.compared)}
            exact={formatExact(found.compared)}
            note={shareText(found)}
          />
          <Stat
            name="Difference"
            value={found.compared === 0 ? NONE : formatMeasured(found.mean_difference)}
            note="between their outputs, on average"
          />
        </Group>
        {challenger.rule && !ended && <Rule challenger={challenger} found={found} />}
        <Box maw={860}>
          <RowTable
            label="Both versions side by side"
            minWidth={340}
            rows={measuresOf(inference, challenger)}
            rowKey={(row) => row.name}
            columns={[
              {
                title: 'Measure',
                rowHead: true,
                cell: (row) => (
                  <>
                    {row.name}
                    <SmallPrint fw={400}>{row.meaning}</SmallPrint>
                  </>
                ),
              },
              { title: `Version ${champion.version}`, right: true, cell: (row) => row.of(champion) },
              { title: `Version ${challenger.version}`, right: true, cell: (row) => row.of(found.challenger) },
            ]}
          />
          {!challenger.labelled && (
            <SmallPrint mt={4}>
              Their accuracy is unknown: record keys have not been declared as correct labels.
            </SmallPrint>
          )}
        </Box>
        {found.compared > 0 && <Scores inference={inference} found={found} />}
      </Stack>
    </Stack>
  )
}

/** A share with its total, such as '10.1% of 12,100 records'. */
function shareText({ records, compared }: Found): string {
  if (records === 0) return 'no records yet'
  return `${formatPercent(compared / records)} of ${plural(records, 'record')} received`
}

function measuresOf(inference: Inference, { labelled }: InferenceChallenger): Measure[] {
  const instead =
    inference.shadow_of === null
      ? `version ${inference.version} answered in its place`
      : 'they are dead letters of the shadow'
  return [
    ...(labelled
      ? [
          {
            name: 'Accuracy',
            meaning: 'Predictions equal to the label in the record key',
            of: (side: Compared) =>
              side.labelled === 0
                ? 'no labelled records'
                : `${formatPercent(accuracyOf(side))} of ${formatCount(side.labelled)}`,
          },
        ]
      : []),
    {
      name: 'Failures',
      meaning: `Records that it could not answer; where the new version failed, ${instead}`,
      of: ({ failed }) => formatCount(failed),
    },
    {
      name: 'Batch time, median',
      meaning: 'Half of all batches took less. Records that are read together form a batch',
      of: ({ p50_ms }) => formatMilliseconds(p50_ms),
    },
    {
      name: 'Batch time, 99th percentile',
      meaning: 'One batch in a hundred took longer',
      of: ({ p99_ms }) => formatMilliseconds(p99_ms),
    },
  ]
}

function Rule({ challenger, found }: { challenger: InferenceChallenger; found: Found }) {
  if (challenger.rule === null) return null
  const { done, records, promotes } = ruleProgress(challenger.rule, found)
  const now = promotes === null ? 'no decision yet' : promotes ? 'would be promoted now' : 'would be dropped now'
  return (
    <Stack gap={4} maw={640}>
      <Text size="sm">{ruleText(challenger.rule, challenger.version)}</Text>
      <Progress value={(100 * done) / records} size="sm" aria-label="Records until the rule decides" />
      <SmallPrint>
        {formatExact(done)} of {formatExact(records)}; {now}
      </SmallPrint>
    </Stack>
  )
}

function Scores({ inference, found }: { inference: Inference; found: Found }) {
  const { champion, challenger } = found
  const steps = useMemo(() => stepsOf(champion.scores, challenger.scores), [champion.scores, challenger.scores])
  const names = [`version ${champion.version}`, `version ${challenger.version}`] as const
  const option = useMemo<EChartsCoreOption>(
    () => ({
      grid: { left: 48, right: 12, top: 28, bottom: 24 },
      legend: { top: 0, left: 'left', itemHeight: 8 },
      tooltip: { trigger: 'axis' },
      xAxis: { type: 'category', data: steps.map((step) => step.from), axisLabel: { hideOverlap: true } },
      yAxis: { type: 'value', min: 0, minInterval: 1 },
      series: ([0, 1] as const).map((side) => ({
        name: [`version ${champion.version}`, `version ${challenger.version}`][side],
        type: 'bar',
        barGap: 0,
        data: steps.map((step) => step.counts[side]),
      })),
    }),
    [steps, champion.version, challenger.version],
  )
  return (
    <Box maw={720}>
      <ChartFrame
        title="Confidence of each version"
        name={`inference-${inference.id}-scores`}
        label={`Predictions of ${names[0]} and of ${names[1]} by their highest output, from 0 to 1`}
        height={200}
        option={option}
        data={() => found}
        table={() => ({
          columns: ['Highest output', ...names],
          rows: steps.map(({ from, to, counts }) => [`${from} to ${to}`, ...counts.map(formatExact)]),
        })}
      />
      <SmallPrint>
        Predictions by their highest output; for a classification, the probability of its class. Outputs below 0 or
        above 1 are counted at the ends.
      </SmallPrint>
    </Box>
  )
}

/** The bins of the histogram: where each begins and ends, and how many predictions of each version it has. */
function stepsOf(one: readonly number[], other: readonly number[]) {
  const count = Math.max(one.length, other.length)
  return Array.from({ length: count }, (_, place) => ({
    from: (place / count).toFixed(2),
    to: ((place + 1) / count).toFixed(2),
    counts: [one[place] ?? 0, other[place] ?? 0] as const,
  }))
}

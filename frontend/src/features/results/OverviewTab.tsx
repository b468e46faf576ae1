/** The main answer first: how good the model is, or how far its training is; then its curves and each metric. */

import { Alert, Box, Group, Progress, Stack, Text } from '@mantine/core'
import { IconHourglass } from '@tabler/icons-react'
import { Age, useNow } from '~/components/Age'
import { DeploymentLink, ResultLink } from '~/components/ButtonLink'
import { greaterIsBetter, summarise, type Unit, unitOf } from '~/components/charts/curves'
import { LearningCurves } from '~/components/charts/LearningCurves'
import { Dimmed } from '~/components/Dimmed'
import { isHeldUp } from '~/components/FailureAlert'
import { Stat } from '~/components/Stat'
import { Warnings } from '~/components/Warnings'
import type { EpochMetrics, LastCheckpoint, Result, ResultRow } from '~/lib/api'
import { baselineText } from '~/lib/baseline'
import {
  formatAge,
  formatBytes,
  formatCount,
  formatExact,
  formatMeasured,
  formatMoment,
  formatPercent,
  formatSeconds,
  plural,
} from '~/lib/format'
import { durationSeconds, hasEnded } from '~/lib/runs'
import { scoreHeading } from '~/lib/scores'
import { BestEpochStat, LearningRateStat } from './EpochStats'
import { Hints } from './Hints'
import { MetricValues } from './MetricValues'
import { PseudoLabelRounds } from './PseudoLabelRounds'
import { RunParts } from './RunParts'
import { progressOf } from './state'
import { useCurveMarks } from './useCurveMarks'
import { useCurves, useEpochs } from './useEpochs'
import { WindowStats, WindowsChart } from './Windows'

export function OverviewTab({
  result,
  parts,
  epoch,
  onEpoch,
}: {
  result: Result
  parts: readonly ResultRow[]
  /** The epoch whose metrics are shown besides the last and the best. */
  epoch: number | undefined
  onEpoch: (epoch: number | undefined) => void
}) {
  const epochs = useEpochs(result)
  const series = useCurves(result, epochs)
  const unit = unitOf(result.metrics)
  const marks = useCurveMarks(result, epochs)
  return (
    <Stack gap="lg">
      {result.state === 'running' && <Running result={result} />}
      {(result.state === 'waiting' || result.state === 'created') && <Waiting result={result} />}
      <Answers result={result} epochs={epochs} />
      <RunParts result={result} parts={parts} />
      {result.outcome && result.outcome.warnings.length > 0 && <Warnings texts={result.outcome.warnings} />}
      <Hints result={result} />
      {epochs.length > 0 && (
        <Box>
          <LearningCurves series={series} unit={unit} marks={marks} height={300} name={`result-${result.id}`} />
        </Box>
      )}
      <PseudoLabelRounds outcome={hasEnded(result) ? result.outcome : null} epochs={epochs} />
      {unit === 'window' && <WindowsChart result={result} epochs={epochs} />}
      {epochs.length > 0 && <MetricValues result={result} epochs={epochs} epoch={epoch} onEpoch={onEpoch} />}
    </Stack>
  )
}

function Running({ result }: { result: Result }) {
  const progress = progressOf(result.progress, result.metrics, formatExact)
  const metrics = Object.entries(result.progress?.metrics ?? {})
  return (
    <Box>
      <Group justify="space-between" gap="xs" mb={4}>
        <Text size="sm" fw={600} role="status">
          {progress.text}
          {progress.detail && (
            <Text span size="sm" c="dimmed" fw={400}>
              {' '}
              {progress.detail}
            </Text>
          )}
        </Text>
        <Dimmed>
          {[...metrics.map(([name, value]) => `${name} ${formatMeasured(value)}`), progress.remaining]
            .filter(Boolean)
            .join('  ')}
        </Dimmed>
      </Group>
      {progress.share !== null && (
        <Progress
          value={progress.share * 100}
          size="md"
          transitionDuration={200}
          aria-label={`${progress.text}: ${formatPercent(progress.share)} of the run`}
        />
      )}
    </Box>
  )
}

function Waiting({ result }: { result: Result }) {
  const now = useNow()
  // The alert above already says what the run waits for.
  if (isHeldUp(result)) return null
  const text = result.next_retry_at
    ? `The last attempt failed, possibly for a temporary reason. The next one starts ${formatAge(result.next_retry_at, now)}.`
    : result.stream === null
      ? 'It starts as soon as a stream is announced to its deployment.'
      : 'Its stream has been announced; training is about to start.'
  return (
    <Alert color="gray" icon={<IconHourglass aria-hidden />}>
      <Text size="sm">{text}</Text>
      {result.stream === null && (
        <DeploymentLink id={result.deployment}>
          {result.configuration_name} · {result.deployment} shows how to send data
        </DeploymentLink>
      )}
    </Alert>
  )
}

function Answers({ result, epochs }: { result: Result; epochs: readonly EpochMetrics[] }) {
  const { metrics: latest } = result
  // While a training runs, the outcome may be that of an earlier version, and the windows say how good the model is
  // now.
  const outcome = hasEnded(result) ? result.outcome : null
  const unit = unitOf(latest)
  const now = useNow()
  const tests = Object.entries(outcome?.test_metrics ?? {}).sort(
    ([a], [b]) => Number(greaterIsBetter(b) === true) - Number(greaterIsBetter(a) === true),
  )
  // The duration is that of every list: from start to end, including reading, testing and storing.
  const seconds = durationSeconds(result, now)
  const last = summarise(epochs).filter((metric) => metric.part === 'validation')
  return (
    <Group gap={32} align="flex-start">
      {Object.entries(outcome?.scores ?? {}).map(([name, value]) => (
        <Stat
          key={`score ${name}`}
          name={scoreHeading(name)}
          value={metricText(name, value)}
          exact={String(value ?? 'not a number')}
          note={baselineText(outcome?.baseline, name, value) || 'by one rule for all frameworks'}
        />
      ))}
      {tests.map(([name, value]) => (
        <Stat
          key={name}
          name={`Test ${name}`}
          value={metricText(name, value)}
          exact={String(value ?? 'not a number')}
        />
      ))}
      {tests.length === 0 &&
        last.map((metric) => (
          <Stat
            key={metric.metric}
            name={`Validation ${metric.metric}`}
            value={metricText(metric.metric, metric.last)}
            note={
              metric.bestEpoch
                ? `best ${metricText(metric.metric, metric.best)} in ${unit} ${metric.bestEpoch}`
                : undefined
            }
          />
        ))}
      {outcome && (
        <Stat
          name="Samples"
          value={formatCount(Object.values(outcome.samples).reduce((sum, sample) => sum + sample, 0))}
          note={`${formatCount(outcome.samples.training)} training, ${formatCount(outcome.samples.validation)} validation, ${formatCount(outcome.samples.test)} test${outcome.samples.pseudo_labelled === undefined ? '' : `, ${formatCount(outcome.samples.pseudo_labelled)} without a label`}`}
        />
      )}
      <Stat
        name={unit === 'window' ? 'Windows' : 'Epochs'}
        value={formatExact(latest?.epoch)}
        note={latest && latest.seconds > 0 ? `${formatSeconds(latest.seconds)} for the last one` : undefined}
      />
      <BestEpochStat result={result} />
      <LearningRateStat epochs={epochs} />
      {result.version_count > 1 && (
        <Stat
          name="Version"
          value={
            <ResultLink id={result.id} search={{ tab: 'versions' }} inherit>
              {result.current_version}
            </ResultLink>
          }
          note={`current of ${plural(result.version_count, 'version')}`}
        />
      )}
      {result.checkpoint && <CheckpointStat checkpoint={result.checkpoint} unit={unit} />}
      {latest?.window && <WindowStats window={latest.window} />}
      <Stat name="Duration" value={formatSeconds(seconds)} />
    </Group>
  )
}

/** The position from which the training would resume after a crash. */
function CheckpointStat({ checkpoint, unit }: { checkpoint: LastCheckpoint; unit: Unit }) {
  const records = checkpoint.records > 0 ? `${plural(checkpoint.records, 'record')}, ` : ''
  return (
    <Stat
      name="Checkpoint"
      value={`${unit} ${formatExact(checkpoint.step)}`}
      exact={`Training would resume from it: ${formatBytes(checkpoint.size)}, saved ${formatMoment(checkpoint.created_at)}`}
      note={
        <>
          {records}
          <Age at={checkpoint.created_at} span inherit />
        </>
      }
    />
  )
}

/** Shares are shown in percent; a metric that may exceed one stays a number. */
function metricText(name: string, value: number | null): string {
  const share = /acc|precision|recall|f1|auc/i.test(name) && value !== null && value >= 0 && value <= 1
  return share ? formatPercent(value) : formatMeasured(value)
}

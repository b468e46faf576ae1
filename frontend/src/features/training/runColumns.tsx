/** Columns of tables of runs, shared by the list of all runs and the page of a deployment. */

import { Group, Stack, Text, Tooltip } from '@mantine/core'
import type { DataTableColumn } from 'mantine-datatable'
import { Age, useNow } from '~/components/Age'
import { ResultLink, StreamLink } from '~/components/ButtonLink'
import { Sparkline } from '~/components/charts/Sparkline'
import { SmallPrint } from '~/components/Dimmed'
import { failureTitle, isHeldUp } from '~/components/FailureAlert'
import { FrameworkTitle } from '~/components/FrameworkMark'
import { FavouriteStar, Tags } from '~/components/RunNotes'
import { RunData, RunDeployment } from '~/components/RunOrigin'
import { SameRecords } from '~/components/SameRecords'
import { StatusBadge } from '~/components/StatusBadge'
import type { ResultRow } from '~/lib/api'
import { baselineText, beats } from '~/lib/baseline'
import { formatMeasured, formatMetric, formatSeconds, NONE } from '~/lib/format'
import { useSeriesColor } from '~/lib/palette'
import { durationSeconds } from '~/lib/runs'
import type { ScoreName } from '~/lib/scores'
import { hasDiverged, mainMetric, metricTitle, stateNote, testFigure } from './metrics'
import { RunProgress } from './RunProgress'
import { columnOf, columnTitle, runValue, valueText } from './runValues'

export type RunColumn = DataTableColumn<ResultRow>

/** The name of the run or of its model, with framework, star and tags. */
export const NAMED: RunColumn = {
  accessor: 'model_name',
  title: 'Run',
  toggleable: false,
  width: 156,
  render: (row) => <RunName row={row} />,
}

/** The deployment, data set or stream of a run, by name. */
export const TRAINED_ON: RunColumn = {
  accessor: 'deployment',
  title: 'Trained on',
  width: 140,
  render: (row) => <TrainedOn row={row} />,
}

/** A column of one score, metric or parameter, by which the API can sort. */
export function value(column: string): RunColumn {
  const found = columnOf(column)
  const score = found?.kind === 'score' ? found.name : undefined
  return {
    accessor: column,
    title: columnTitle(column),
    sortable: true,
    toggleable: false,
    width: widthOf(columnTitle(column)),
    textAlign: 'right',
    render: (row) => (
      <>
        {valueText(runValue(row, column))}
        <Useless row={row} score={score} />
      </>
    ),
  }
}

/** The width in pixels that the longest word of a title needs, because a broken word is hard to read. */
function widthOf(title: string): number {
  return Math.max(84, 34 + 9 * Math.max(...title.split(' ').map((word) => word.length)))
}

export const STATE: RunColumn = {
  accessor: 'state',
  title: 'State',
  sortable: true,
  width: 107,
  render: (row) => <RunState row={row} />,
}

/** State and progress in one column, for narrow tables. */
export const STATE_AND_PROGRESS: RunColumn = {
  ...STATE,
  render: (row) => (
    <Stack gap={4} align="flex-start">
      <RunState row={row} />
      {row.state === 'running' && <RunProgress row={row} />}
    </Stack>
  ),
}

export const PROGRESS: RunColumn = {
  accessor: 'progress',
  title: 'Progress',
  width: 150,
  render: (row) => <RunProgress row={row} />,
}

export const STREAM: RunColumn = {
  accessor: 'stream',
  title: 'Stream',
  width: 85,
  render: (row) =>
    row.stream === null ? (
      NONE
    ) : (
      <>
        <StreamLink id={row.stream}>{row.stream}</StreamLink>
        <SmallPrint>
          <SameRecords stream={{ same_as: row.stream_same_as }} />
        </SmallPrint>
      </>
    ),
}

export const CURVE: RunColumn = {
  accessor: 'history',
  title: 'Curve',
  width: 94,
  render: (row) => <RunCurve row={row} />,
}

export const METRIC: RunColumn = {
  accessor: 'metrics',
  title: 'Last, best',
  width: 172,
  render: (row) => <RunMetric row={row} />,
}

export const TEST: RunColumn = {
  accessor: 'outcome',
  title: 'Test',
  width: 105,
  textAlign: 'right',
  render: (row) => {
    const metrics = Object.entries(row.outcome?.test_metrics ?? {})
    const shown = testFigure(row)
    if (metrics.length === 0) return NONE
    return (
      <Tooltip label={metrics.map(([name, value]) => `${name} ${formatMeasured(value)}`).join(', ')}>
        <span>
          {formatMeasured(shown?.value)}
          {shown && <SmallPrint>test {shown.name}</SmallPrint>}
          <Useless row={row} score={Object.keys(row.outcome?.scores ?? {}).at(0)} />
        </span>
      </Tooltip>
    )
  },
}

export const DURATION: RunColumn = {
  accessor: 'duration',
  title: 'Duration',
  width: 90,
  textAlign: 'right',
  render: (row) => <RunDuration row={row} />,
}

export const AGE: RunColumn = {
  accessor: 'created_at',
  title: 'Age',
  sortable: true,
  width: 96,
  render: (row) => (
    <>
      <Age at={row.created_at} size="sm" />
      {row.started_at && (row.ended_at || row.state === 'running') && (
        <SmallPrint>
          {row.ended_at ? 'took' : 'for'} <RunDuration row={row} />
        </SmallPrint>
      )}
    </>
  ),
}

/** A note when a score is no better than always giving the same answer, because a high score alone says nothing. */
function Useless({ row, score }: { row: ResultRow; score: string | undefined }) {
  const { baseline, scores } = row.outcome ?? {}
  const value = score === undefined ? undefined : scores?.[score as ScoreName]
  if (score === undefined || beats(baseline, score, value) !== false) return null
  return (
    <Text size="xs" style={{ color: 'var(--kml-waiting)' }}>
      {baselineText(baseline, score, value)}
    </Text>
  )
}

function RunName({ row }: { row: ResultRow }) {
  return (
    <Group gap={4} wrap="nowrap" align="flex-start">
      <FavouriteStar run={row} />
      <Stack gap={2}>
        <ResultLink id={row.id} fw={500}>
          {row.name || row.model_name}
        </ResultLink>
        <SmallPrint>
          {row.name && `${row.model_name}, `}result {row.id}
          {row.leader !== null && `, in the run of result ${row.leader}`}
        </SmallPrint>
        <FrameworkTitle framework={row.framework} />
        <Tags tags={row.tags} />
      </Stack>
    </Group>
  )
}

function TrainedOn({ row }: { row: ResultRow }) {
  return (
    // The gap keeps links below each other apart enough for a finger.
    <Stack gap={6} style={{ overflowWrap: 'anywhere' }}>
      <RunDeployment run={row} />
      <RunData run={row} />
    </Stack>
  )
}

function RunState({ row }: { row: ResultRow }) {
  const note = stateNote(row)
  return (
    <Stack gap={2} align="flex-start">
      <StatusBadge state={row.state} tooltip={note} />
      {hasDiverged(row) && (
        <Text size="xs" style={{ color: 'var(--kml-waiting)' }}>
          diverged
        </Text>
      )}
      {row.failure && (
        <Tooltip label={row.failure.cause} maw={480}>
          <Text
            size="xs"
            lineClamp={2}
            style={{ color: isHeldUp(row) ? 'var(--kml-waiting)' : 'var(--kml-failed)', overflowWrap: 'anywhere' }}
          >
            {failureTitle(row.failure)}: {row.failure.cause}
          </Text>
        </Tooltip>
      )}
    </Stack>
  )
}

function RunCurve({ row }: { row: ResultRow }) {
  const color = useSeriesColor()
  const main = mainMetric(row)
  if (!main) return NONE
  return <Sparkline values={main.values} label={`${metricTitle(main)} of ${row.model_name}`} color={color(row.model)} />
}

function RunMetric({ row }: { row: ResultRow }) {
  const main = mainMetric(row)
  if (!main) return NONE
  return (
    <Stack gap={0}>
      <Group gap={8} wrap="nowrap">
        <Text size="sm" fw={500}>
          {formatMeasured(main.last)}
        </Text>
        {main.best !== null && (
          <Tooltip label={`best at ${main.unit} ${main.bestEpoch}`}>
            <Text size="sm">best {formatMetric(main.best)}</Text>
          </Tooltip>
        )}
      </Group>
      <SmallPrint>{metricTitle(main)}</SmallPrint>
    </Stack>
  )
}

function RunDuration({ row }: { row: ResultRow }) {
  const now = useNow()
  return formatSeconds(durationSeconds(row, now))
}

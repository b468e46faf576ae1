/** Compares training runs: metrics, differing settings, curves over each other, confusion matrices, code. */

import { ActionIcon, Box, Group, SimpleGrid, Stack, Text, Title, Tooltip } from '@mantine/core'
import { IconX } from '@tabler/icons-react'
import { useQueries } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useMemo, useState } from 'react'
import { ButtonLink, ResultLink } from '~/components/ButtonLink'
import { CopyAs } from '~/components/CopyAs'
import { CopyButton } from '~/components/CopyButton'
import { ConfusionMatrix, type MatrixMode } from '~/components/charts/ConfusionMatrix'
import { constantLearningRate, unitOf, withCommonNames, withLearningRate } from '~/components/charts/curves'
import { LearningCurves } from '~/components/charts/LearningCurves'
import { thinned } from '~/components/charts/points'
import { EmptyState } from '~/components/EmptyState'
import { PageTitle } from '~/components/ListPage'
import { ProblemAlert } from '~/components/ProblemAlert'
import { Section } from '~/components/Section'
import { StatusBadge } from '~/components/StatusBadge'
import { deploymentsRetrieveOptions, type Result, resultsRetrieveOptions } from '~/lib/api'
import { useFrameworks } from '~/lib/frameworks'
import { useSeriesColor } from '~/lib/palette'
import { AddRun } from './AddRun'
import { CodeDiff } from './CodeDiff'
import { type Head, MetricTable, SettingTable } from './CompareTables'
import { asMarkdown, metricRows, settingRows } from './compare'
import { compareEquivalents } from './equivalents'
import { ParallelRuns } from './ParallelRuns'
import { joinIds, parseIds } from './selection'

/** The most runs that fit side by side on a screen. */
const MAX_RUNS = 10

export function ComparePage() {
  const search = useSearch({ from: '/training/compare' })
  const navigate = useNavigate({ from: '/training/compare' })
  const ids = parseIds(search.results).slice(0, MAX_RUNS)
  const queries = useQueries({ queries: ids.map((id) => resultsRetrieveOptions({ path: { id: String(id) } })) })
  const results = queries.flatMap((query) => (query.data ? [query.data] : []))
  const deploymentIds = [...new Set(results.map((result) => result.deployment))]
  const deployments = useQueries({
    queries: deploymentIds.map((id) => deploymentsRetrieveOptions({ path: { id: String(id) } })),
  }).flatMap((query) => (query.data ? [query.data] : []))
  const compared = results.map((result) => ({
    result,
    deployment: deployments.find((deployment) => deployment.id === result.deployment) ?? null,
  }))
  const metrics = metricRows(results)
  const settings = settingRows(compared, useFrameworks())
  const seriesIds = useSeriesIds(results)
  const choose = (next: readonly number[]) =>
    void navigate({ search: (before) => ({ ...before, results: joinIds(next), code: undefined }), replace: true })

  const heads = useHeads(results, (id) => choose(ids.filter((other) => other !== id)))
  const pair = pairOf(search.code, results)
  return (
    <Stack gap="lg">
      <PageTitle
        title="Compare training runs"
        description="Their scores, learning curves and differences."
        actions={
          results.length > 0 && (
            <>
              <AddRun chosen={ids} disabled={ids.length >= MAX_RUNS} onAdd={(id) => choose([...ids, id])} />
              <CopyButton
                text={asMarkdown(
                  heads.map((head) => head.name),
                  settings,
                  metrics,
                )}
                label="Copy as Markdown"
              />
              <CopyAs equivalents={compareEquivalents(ids)} />
            </>
          )
        }
      />
      {queries.map((query, index) => (
        <ProblemAlert
          key={ids[index]}
          error={query.error}
          title={`Result ${ids[index]} could not be loaded`}
          onRetry={() => void query.refetch()}
        />
      ))}
      {ids.length === 0 && (
        <EmptyState
          title="Choose runs to compare"
          action={
            <ButtonLink to="/training" search={{ tab: 'runs' }}>
              Go to the training runs
            </ButtonLink>
          }
          command="kafka-ml results list"
        >
          Tick two or more training runs in the list, then press Compare.
        </EmptyState>
      )}
      {results.length > 0 && (
        <>
          <Section title="Metrics">
            <MetricTable rows={metrics} heads={heads} />
          </Section>
          {results.length > 1 && (
            <Section title="Parameters and scores">
              <ParallelRuns results={results} seriesIds={seriesIds} />
            </Section>
          )}
          <Section title="Learning curves">
            <Curves results={results} />
          </Section>
          <Section title="Settings">
            <SettingTable
              rows={settings}
              heads={heads}
              all={search.all ?? false}
              onAll={(all) =>
                void navigate({ search: (before) => ({ ...before, all: all || undefined }), replace: true })
              }
            />
          </Section>
          <Matrices results={results} />
          {pair && (
            <Section title="Code">
              <CodeDiff
                results={results}
                pair={pair}
                onPair={(next) =>
                  void navigate({ search: (before) => ({ ...before, code: next.join(',') }), replace: true })
                }
              />
            </Section>
          )}
        </>
      )}
    </Stack>
  )
}

/** The heading of a run's column in the colour of its curves, with a button that removes the run. */
function useHeads(results: readonly Result[], onRemove: (id: number) => void): Head[] {
  const color = useSeriesColor()
  const ids = useSeriesIds(results)
  return results.map((result, index) => ({
    name: `${result.name || result.model_name} (result ${result.id})`,
    title: (
      <Stack key={result.id} gap={2} align="flex-start">
        <Group gap={6} wrap="nowrap" align="center">
          <Box
            w={10}
            h={10}
            style={{ borderRadius: 2, flexShrink: 0, background: color(ids[index] ?? result.id) }}
            aria-hidden
          />
          <ResultLink id={result.id}>{result.name || result.model_name}</ResultLink>
          <Tooltip label="Remove from comparison">
            <ActionIcon
              size="xs"
              variant="subtle"
              color="gray"
              aria-label={`Remove result ${result.id} from the comparison`}
              onClick={() => onRemove(result.id)}
            >
              <IconX size={12} aria-hidden />
            </ActionIcon>
          </Tooltip>
        </Group>
        <Group gap={6}>
          <Text size="xs" c="dimmed" fw={400}>
            result {result.id}
          </Text>
          {result.state !== 'finished' && <StatusBadge state={result.state} />}
        </Group>
      </Stack>
    ),
  }))
}

/**
 * Ids that decide the colours of the runs. A model keeps its own colour, but runs of the same model need different
 * ones.
 */
function useSeriesIds(results: readonly Result[]): number[] {
  const models = results.map((result) => result.model)
  return new Set(models).size === models.length ? models : results.map((_, index) => index)
}

function Curves({ results }: { results: readonly Result[] }) {
  const ids = useSeriesIds(results)
  const sameName = new Set(results.map((result) => result.model_name)).size < results.length
  const series = useMemo(() => {
    const rates = results.some((result) => constantLearningRate(result.epochs) === null)
    const drawn = results.flatMap((result, index) => {
      if (result.epochs.length === 0) return []
      const epochs = thinned(result.epochs)
      return [
        {
          id: ids[index] ?? result.id,
          name: sameName ? `${result.model_name} (${result.id})` : result.model_name,
          epochs: rates ? withLearningRate(epochs) : epochs,
        },
      ]
    })
    return withCommonNames(drawn)
  }, [results, ids, sameName])
  const unit = results.every((result) => unitOf(result.metrics) === 'window') ? 'window' : 'epoch'
  return <LearningCurves series={series} unit={unit} name="compared-runs" />
}

function Matrices({ results }: { results: readonly Result[] }) {
  const [mode, setMode] = useState<MatrixMode>('shares')
  const having = results.filter((result) => result.confusion_matrix !== null)
  if (having.length === 0) return null
  return (
    <Section title="Confusion matrices">
      <SimpleGrid cols={{ base: 1, lg: Math.min(2, having.length) }} spacing="xl">
        {having.map(
          (result) =>
            result.confusion_matrix && (
              <Stack key={result.id} gap="xs" style={{ minWidth: 0 }}>
                <Title order={3} style={{ overflowWrap: 'anywhere' }}>
                  {result.model_name}, result {result.id}
                </Title>
                <ConfusionMatrix
                  matrix={result.confusion_matrix.matrix}
                  labels={result.confusion_matrix.labels}
                  measures={false}
                  mode={mode}
                  onMode={setMode}
                  name={`confusion-matrix-${result.id}`}
                />
              </Stack>
            ),
        )}
      </SimpleGrid>
    </Section>
  )
}

/** The two runs whose code is compared: those in the address, otherwise the first two that differ. */
function pairOf(text: string | undefined, results: readonly Result[]): readonly [number, number] | null {
  const [left, right] = parseIds(text).filter((id) => results.some((result) => result.id === id))
  if (left !== undefined && right !== undefined) return [left, right]
  const first = results[0]
  const source = (result: Result) => `${result.imports}\n${result.code}`
  const other = first && results.find((result) => source(result) !== source(first))
  return first && other ? [first.id, other.id] : null
}

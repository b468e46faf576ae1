/** The confusion matrix from its numbers. A cell opens the samples behind it. */
import { ActionIcon, Box, Code, Group, Skeleton, Stack, Text, Title, Tooltip } from '@mantine/core'
import { IconChevronLeft, IconPhotoDown, IconX } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { ButtonLink } from '~/components/ButtonLink'
import { CopyButton } from '~/components/CopyButton'
import type { Cell } from '~/components/charts/ConfusionMatrix'
import { ConfusionMatrix } from '~/components/charts/ConfusionMatrix'
import { drawnFeatures, WindowChart, WindowLegend } from '~/components/contract/WindowChart'
import { Dimmed, SmallPrint } from '~/components/Dimmed'
import { EmptyState } from '~/components/EmptyState'
import { ProblemAlert } from '~/components/ProblemAlert'
import { RowTable } from '~/components/RowTable'
import { columnsWidth, MOST_COLUMNS, sampleColumns } from '~/components/SampleColumns'
import { SampleView } from '~/components/SampleView'
import { type CellSample, type Result, resultsConfusionSamplesRetrieveOptions } from '~/lib/api'
import { formatPercent, plural, sentence } from '~/lib/format'
import { hasEnded } from '~/lib/runs'
import { saveUrl } from '~/lib/saveFile'
import type { ResultSearch } from './routes'
import { cellOf } from './state'

const SAMPLES_FILE = 'confusion_samples.npz'
/** The start of the warning with which a training explains a missing confusion matrix. */
const NO_MATRIX = 'no confusion matrix: '

export function ConfusionTab({
  result,
  search,
  onSearch,
}: {
  result: Result
  search: ResultSearch
  onSearch: (change: ResultSearch) => void
}) {
  const stored = result.confusion_matrix
  if (!stored) return <NoMatrix result={result} />
  const selected = cellOf(search.cell, stored.matrix.length)
  return (
    <Stack gap="lg">
      <ConfusionMatrix
        matrix={stored.matrix}
        labels={stored.labels}
        mode={search.cells === 'shares' ? 'shares' : 'counts'}
        onMode={(mode) => onSearch({ cells: mode === 'shares' ? 'shares' : undefined })}
        onCell={(cell) => onSearch({ cell: `${cell.actual}-${cell.predicted}` })}
        selectedCell={selected}
        name={`result-${result.id}-confusion-matrix`}
      />
      <Group gap="xs">
        <Dimmed>
          {selected ? 'Click another cell to see its samples.' : 'Click a cell to see the samples behind it.'}
        </Dimmed>
        <Tooltip label="Save the matrix as PNG">
          <ActionIcon
            variant="subtle"
            color="gray"
            size="sm"
            aria-label="Save the matrix as PNG"
            onClick={() =>
              saveUrl(`result-${result.id}-confusion-matrix.png`, `/api/results/${result.id}/confusion_matrix.png`)
            }
          >
            <IconPhotoDown size={16} aria-hidden />
          </ActionIcon>
        </Tooltip>
        <CopyButton text={JSON.stringify(stored)} what="the matrix as JSON" />
      </Group>
      {selected && (
        <CellSamples
          key={`${selected.actual}-${selected.predicted}`}
          result={result}
          cell={selected}
          labels={stored.labels}
          total={stored.matrix[selected.actual]?.[selected.predicted] ?? 0}
          onClose={() => onSearch({ cell: undefined })}
        />
      )}
    </Stack>
  )
}

function CellSamples({
  result,
  cell,
  labels,
  total,
  onClose,
}: {
  result: Result
  cell: Cell
  labels: readonly string[]
  total: number
  onClose: () => void
}) {
  const kept = result.artifacts.some((artifact) => artifact.name === SAMPLES_FILE)
  const query = useQuery({
    ...resultsConfusionSamplesRetrieveOptions({ path: { id: String(result.id) }, query: cell }),
    enabled: kept && total > 0,
    // The samples change only with another attempt, which has another key in the cache.
    staleTime: 60_000,
  })
  const nameOf = (index: number) => labels[index] ?? String(index)
  const hit = cell.actual === cell.predicted
  const found = query.data
  return (
    <Box component="section" aria-label="Samples of the cell">
      <Group justify="space-between" mb="xs" wrap="nowrap" align="flex-start">
        <Box>
          <Title order={2} style={{ overflowWrap: 'anywhere' }}>
            {hit
              ? `${nameOf(cell.actual)} predicted correctly`
              : `${nameOf(cell.actual)} predicted as ${nameOf(cell.predicted)}`}
          </Title>
          <Dimmed>
            {plural(total, 'test sample')}
            {found && total > 0 && found.samples.length < total && `; ${found.samples.length} are stored`}
            {found && found.samples.length > 1 && (hit ? ', least certain first' : ', most certain first')}
            {found &&
              found.per_cell < 12 &&
              `; samples are large, so only ${found.per_cell || 'a few'} per cell are stored`}
          </Dimmed>
        </Box>
        <ActionIcon variant="subtle" color="gray" aria-label="Close the samples" onClick={onClose}>
          <IconX size={16} aria-hidden />
        </ActionIcon>
      </Group>
      {total === 0 ? (
        <Text size="sm">No test sample is in this cell.</Text>
      ) : !kept ? (
        <Text size="sm">
          This result was trained by a version that did not store samples. Train it again to see them.
        </Text>
      ) : query.isError ? (
        <ProblemAlert error={query.error} onRetry={() => void query.refetch()} />
      ) : !found ? (
        <Group gap="md" role="status" aria-busy aria-label="Loading">
          {Array.from({ length: Math.min(total, 12) }, (_, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: placeholders have no identity
            <Skeleton key={index} width={96} height={118} />
          ))}
        </Group>
      ) : found.columns.length > 0 && found.samples[0]?.sample.shape.length === 2 ? (
        <CellWindows samples={found.samples} features={found.columns} />
      ) : found.columns.length > 0 ? (
        <>
          <RowTable
            label="Rows of the cell"
            minWidth={120 + columnsWidth(found.columns)}
            rows={found.samples}
            rowKey={(_, index) => index}
            columns={[
              { title: 'Probability', rowHead: true, cell: (sample) => formatPercent(sample.probability) },
              ...sampleColumns<CellSample>(found.columns, (sample) => sample.sample),
            ]}
          />
          {found.columns.length > MOST_COLUMNS && (
            <SmallPrint>
              The first {MOST_COLUMNS} of {found.columns.length} columns.
            </SmallPrint>
          )}
        </>
      ) : (
        <Group gap="md" align="flex-start" component="ul" p={0} m={0} style={{ listStyle: 'none' }}>
          {found.samples.map((sample, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a cell's samples have a fixed order
            <Box component="li" key={index} maw="100%">
              <SampleView
                sample={sample.sample}
                size={96}
                label={`Sample ${index + 1}: actual ${nameOf(cell.actual)}, predicted ${nameOf(cell.predicted)}`}
              />
              <Text size="xs" maw={160} style={{ overflowWrap: 'anywhere' }}>
                {nameOf(cell.actual)} → <b>{nameOf(cell.predicted)}</b>{' '}
                <SmallPrint span>{formatPercent(sample.probability)}</SmallPrint>
              </Text>
            </Box>
          ))}
        </Group>
      )}
    </Box>
  )
}

/** The samples of a cell when samples are windows of records. */
function CellWindows({ samples, features }: { samples: readonly CellSample[]; features: readonly string[] }) {
  const windows = samples.map(({ sample }) => ({ shape: sample.shape, values: sample.values.map(Number) }))
  const drawn = drawnFeatures(windows, features.length)
  return (
    <>
      <WindowLegend features={features} drawn={drawn} />
      <Group gap="md" align="flex-start" component="ul" p={0} m={0} style={{ listStyle: 'none' }}>
        {windows.map((window, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a cell's samples have a fixed order
          <Box component="li" key={index}>
            <WindowChart label={`Sample ${index + 1}`} window={window} features={features} drawn={drawn} />
            <SmallPrint>{formatPercent(samples[index]?.probability)}</SmallPrint>
          </Box>
        ))}
      </Group>
    </>
  )
}

function NoMatrix({ result }: { result: Result }) {
  if (!hasEnded(result)) {
    return (
      <Text c="dimmed">
        The matrix is computed on the test samples when training ends, if the deployment has it switched on.
      </Text>
    )
  }
  const reason = result.outcome?.warnings.find((warning) => warning.startsWith(NO_MATRIX))
  if (reason) return <EmptyState title="No confusion matrix">{sentence(reason.slice(NO_MATRIX.length))}</EmptyState>
  return (
    <EmptyState
      title="No confusion matrix"
      action={
        <ButtonLink
          to="/training/new"
          search={{ from: result.deployment }}
          leftSection={<IconChevronLeft size={14} aria-hidden style={{ rotate: '180deg' }} />}
        >
          Deploy again with a confusion matrix
        </ButtonLink>
      }
      command="kafka-ml deployments create CONFIGURATION --confusion-matrix"
    >
      Its deployment has it switched off (<Code>confusion_matrix</Code>). For each class, it shows what the model
      predicted for its test samples, and the samples themselves.
    </EmptyState>
  )
}

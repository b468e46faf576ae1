/** Decoded samples of a stream, as training will see them: images as images, rows as a table, with their statistics. */
import { Alert, Box, Button, Group, Skeleton, Stack, Text, Tooltip } from '@mantine/core'
import { IconAlertTriangle, IconArrowRight } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { StreamLink, TopicLink } from '~/components/ButtonLink'
import { PreviewContent } from '~/components/contract/PreviewContent'
import { Dimmed, SmallPrint } from '~/components/Dimmed'
import { EmptyState } from '~/components/EmptyState'
import { ProblemAlert } from '~/components/ProblemAlert'
import { RowTable } from '~/components/RowTable'
import { ColumnStatistics, columnsWidth, MOST_COLUMNS, sampleColumns } from '~/components/SampleColumns'
import { SampleView } from '~/components/SampleView'
import { Section } from '~/components/Section'
import { type Stream, type StreamSample, streamsPreviewRetrieveOptions, streamsStatisticsOptions } from '~/lib/api'
import { COLUMNS } from '~/lib/datasets'
import { capital, formatExact, formatShape, formatValue, plural } from '~/lib/format'
import type { StreamSearch } from './routes'
import classes from './SamplesTab.module.css'

const PAGE_SAMPLES = 48

interface SamplesTabProps {
  stream: Stream
  search: StreamSearch
  onSearch: (change: StreamSearch) => void
}

export function SamplesTab(props: SamplesTabProps) {
  return props.stream.input_format === COLUMNS ? <ContractSamples stream={props.stream.id} /> : <Pages {...props} />
}

/**
 * The samples of a data set's stream. A contract may make one sample of several records, so records are not listed one
 * by one.
 */
function ContractSamples({ stream }: { stream: number }) {
  const query = useStatistics(stream)
  if (query.error)
    return <ProblemAlert error={query.error} title="The records cannot be read" onRetry={() => void query.refetch()} />
  if (!query.data) return <Skeleton height={320} role="status" aria-label="Loading samples" />
  const columns = query.data.columns.filter((column) => column.place.startsWith('columns.'))
  return (
    <Stack gap="md">
      <ColumnStatistics statistics={{ ...query.data, columns }} />
      <Section title="What the model gets">
        <PreviewContent preview={query.data} />
      </Section>
    </Stack>
  )
}

/** Statistics of columns and labels over many records, because a single page says little. */
function useStatistics(stream: number) {
  return useQuery({
    ...streamsStatisticsOptions({ path: { id: String(stream) } }),
    // The records of a stream never change.
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  })
}

function Pages({ stream, search, onSearch }: SamplesTabProps) {
  const offset = search.at ?? 0
  const query = useQuery({
    ...streamsPreviewRetrieveOptions({ path: { id: String(stream.id) }, query: { limit: PAGE_SAMPLES, offset } }),
    // The records of a stream never change, so events of other streams need not read them again.
    staleTime: Number.POSITIVE_INFINITY,
    refetchOnMount: 'always',
    retry: false,
  })
  if (query.isPending) return <Skeleton height={320} role="status" aria-label="Loading samples" />
  if (query.error)
    return (
      <ProblemAlert error={query.error} title="The samples cannot be read" onRetry={() => void query.refetch()}>
        <Text size="sm">
          The models trained on them are kept. Other records of the topics are on their{' '}
          <StreamLink id={stream.id} search={{ tab: 'rule' }}>
            own pages
          </StreamLink>
          .
        </Text>
      </ProblemAlert>
    )
  const { samples, next, total, doubts, columns } = query.data
  const failed = samples.filter((sample) => sample.error).length
  const reasons = reasonsOf(samples)
  const shape = samples.find((sample) => sample.features)?.features
  if (samples.length === 0)
    return <EmptyState title="No samples">The announced ranges hold no records from this position.</EmptyState>
  return (
    <Stack gap="sm" style={query.isPlaceholderData ? { opacity: 0.6 } : {}}>
      <Group justify="space-between" gap="sm">
        <Dimmed>
          {plural(samples.length, 'sample')} from position {formatExact(offset)} of {formatExact(total)}
          {shape ? `; ${shape.dtype}, ${formatShape(shape.shape)}` : ''}
        </Dimmed>
        <Group gap="xs">
          <Button size="xs" variant="default" disabled={offset === 0} onClick={() => onSearch({ at: undefined })}>
            From the beginning
          </Button>
          <Button
            size="xs"
            variant="default"
            disabled={total <= PAGE_SAMPLES}
            onClick={() => onSearch({ at: Math.floor(Math.random() * Math.max(1, total - PAGE_SAMPLES)) || undefined })}
          >
            Random position
          </Button>
          <Button
            size="xs"
            variant="default"
            rightSection={<IconArrowRight size={14} aria-hidden />}
            disabled={next === null}
            onClick={() => onSearch({ at: next ?? undefined })}
          >
            Next
          </Button>
        </Group>
      </Group>
      {failed > 0 && (
        <Alert color="yellow" title={`${plural(failed, 'record')} on this page could not be decoded`}>
          {reasons.map(([reason, count]) => (
            <Text key={reason} size="sm" style={{ overflowWrap: 'anywhere' }}>
              {formatExact(count)}: {reason}
            </Text>
          ))}
          <Text size="sm">
            Training skips them: any number of deletions, up to a third of the records with gaps such as null or NaN,
            and up to 1 % of others. More than that ends training.
          </Text>
        </Alert>
      )}
      {doubts.map((doubt) => (
        <Alert key={doubt} color="yellow" title="Check before training">
          {capital(doubt)}.
        </Alert>
      ))}
      <Statistics stream={stream.id} columns={columns.length} />
      {columns.length > 0 ? (
        <SampleRows samples={samples} columns={columns} />
      ) : (
        <ul className={classes.grid}>
          {samples.map((sample, place) => (
            <li key={placeOf(sample, place)}>
              <SampleCard sample={sample} />
            </li>
          ))}
        </ul>
      )}
    </Stack>
  )
}

function Statistics({ stream, columns }: { stream: number; columns: number }) {
  const query = useStatistics(stream)
  if (query.error)
    return (
      <ProblemAlert error={query.error} title="No statistics of the columns" onRetry={() => void query.refetch()} />
    )
  if (!query.data) return <Skeleton height={64 + 40 * Math.min(columns, 12)} aria-label="Loading statistics" />
  return <ColumnStatistics statistics={query.data} />
}

function SampleRows({ samples, columns }: { samples: readonly StreamSample[]; columns: readonly string[] }) {
  const labelled = samples.some((sample) => labelOf(sample) !== null)
  return (
    <>
      <RowTable
        label="Samples"
        minWidth={160 + columnsWidth(columns)}
        rows={samples}
        rowKey={placeOf}
        columns={[
          {
            title: 'Record',
            rowHead: true,
            cell: (sample) => (
              <Group gap={6} wrap="nowrap">
                <RecordLink sample={sample} />
                {sample.error && <NotDecoded error={sample.error} size={16} />}
              </Group>
            ),
          },
          labelled && { title: 'Label', cell: (sample: StreamSample) => labelOf(sample) },
          ...sampleColumns<StreamSample>(columns, (sample) => sample.features),
        ]}
      />
      {columns.length > MOST_COLUMNS && (
        <SmallPrint>
          The first {MOST_COLUMNS} of {formatExact(columns.length)} columns.
        </SmallPrint>
      )}
    </>
  )
}

/** The place of a sample, which never changes. A packed record holds several samples. */
function placeOf({ topic, partition, offset }: StreamSample, place: number): string {
  return `${topic}:${partition}:${offset}:${place}`
}

function SampleCard({ sample }: { sample: StreamSample }) {
  const label = labelOf(sample)
  return (
    <Stack gap={2} align="center" style={{ minWidth: 0 }}>
      {sample.error ? (
        <Box p="md">
          <NotDecoded error={sample.error} size={24} />
        </Box>
      ) : (
        sample.features && (
          <SampleView
            sample={sample.features}
            size={72}
            label={label === null ? recordOf(sample) : `Sample labelled ${label}`}
          />
        )
      )}
      {label !== null && (
        <Text size="sm" fw={600} truncate maw="100%">
          {label}
        </Text>
      )}
      <RecordLink sample={sample} />
    </Stack>
  )
}

function NotDecoded({ error, size }: { error: NonNullable<StreamSample['error']>; size: number }) {
  return (
    <Tooltip label={`${error.message}. ${error.hint}`} multiline maw={400}>
      <Box component="span" c="var(--kml-failed)" lh={1}>
        <IconAlertTriangle size={size} role="img" aria-label={`Not decoded: ${error.message}`} />
      </Box>
    </Tooltip>
  )
}

function recordOf({ topic, partition, offset }: StreamSample): string {
  return `${topic}[${partition}]@${offset}`
}

function RecordLink({ sample }: { sample: StreamSample }) {
  const { topic, partition, offset } = sample
  return (
    <TopicLink
      size="xs"
      name={topic}
      search={{ from: 'offset', offset, partition, record: `${partition}:${offset}` }}
      aria-label={`The record ${recordOf(sample)}`}
    >
      {partition}:{offset}
    </TopicLink>
  )
}

/**
 * Why records are not samples, the most frequent reason first. A gap counts under its name, other reasons under the
 * problem of their first record.
 */
export function reasonsOf(samples: readonly Pick<StreamSample, 'error'>[]): [reason: string, count: number][] {
  const counts = new Map<string, number>()
  let undecodable: string | undefined
  for (const { error } of samples) {
    if (!error) continue
    if (!error.gap) undecodable ??= error.message
    const reason = error.gap || (undecodable as string)
    counts.set(reason, (counts.get(reason) ?? 0) + 1)
  }
  return [...counts].sort((one, other) => other[1] - one[1]).slice(0, 6)
}

/** The label as a short text; null when there is none. */
export function labelOf(sample: StreamSample): string | null {
  if (sample.label_text !== null) return sample.label_text
  if (sample.label_sample === null) return null
  const values = sample.label_sample.values
  const shown = values.slice(0, 4).map(formatValue).join(', ')
  return values.length > 4 ? `${shown}, …` : shown
}

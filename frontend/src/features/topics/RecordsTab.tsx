/** Records of a topic: controls for reading and decoding, and a page of records or the live tail. */
import { Alert, Button, Group, Skeleton, Stack } from '@mantine/core'
import { IconArrowLeft, IconArrowRight } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { Dimmed } from '~/components/Dimmed'
import { EmptyState } from '~/components/EmptyState'
import { EmptyTopic } from '~/components/EmptyTopic'
import { ProblemAlert } from '~/components/ProblemAlert'
import { RecordTable, recordId } from '~/components/RecordTable'
import { type RecordDecoder, type Topic, topicsRecordsListOptions } from '~/lib/api'
import { formatCount, plural } from '~/lib/format'
import { ExportButton } from './ExportButton'
import { useFields } from './fields'
import { LiveRecords } from './LiveRecords'
import { ReadControls } from './ReadControls'
import { RecordDrawer } from './RecordDrawer'
import { recordsQuery, type TopicSearch } from './search'

interface Props {
  topic: Topic
  search: TopicSearch
  onSearch: (change: TopicSearch) => void
}

export function RecordsTab(props: Props) {
  const { topic, search, onSearch } = props
  return (
    <Stack gap="sm">
      <ReadControls topic={topic} search={search} onSearch={onSearch} />
      {search.from === 'live' ? <LiveRecords {...props} /> : <Page {...props} />}
    </Stack>
  )
}

function Page({ topic, search, onSearch }: Props) {
  const query = useQuery({
    ...topicsRecordsListOptions({ path: { name: topic.name }, query: recordsQuery(search) }),
    staleTime: 2_000,
  })
  const page = query.data
  const { fields, controls } = useFields(topic.name, page?.records ?? [], search, onSearch)
  if (query.isPending) return <Skeleton height={320} role="status" aria-label="Loading records" />
  if (page === undefined) return <ProblemAlert error={query.error} onRetry={() => void query.refetch()} />
  const selected = page.records.find((record) => recordId(record) === search.record)
  const older = () => onSearch({ before: page.before ?? undefined, after: undefined, record: undefined })
  const newer = () => onSearch({ after: page.after, before: undefined, record: undefined })
  // When reading goes back from the newest record, newer records are to the left. When it starts at the oldest, it is
  // the other way round.
  const atStart = !search.before && !search.after
  return (
    <Stack gap="sm" style={query.isPlaceholderData ? { opacity: 0.6 } : {}}>
      <ProblemAlert error={query.error} onRetry={() => void query.refetch()} />
      <Group justify="space-between" gap="sm">
        <Dimmed>
          {plural(page.records.length, 'record')}, {page.newest_first ? 'newest first' : 'oldest first'}
          {search.q ? `, out of ${formatCount(page.scanned)} searched` : ''}
          <DecoderNote decoder={page.decoder} />
        </Dimmed>
        <Group gap="xs">
          {controls}
          <Button
            size="xs"
            variant="default"
            leftSection={<IconArrowLeft size={14} aria-hidden />}
            disabled={page.before === null}
            onClick={older}
          >
            Older
          </Button>
          <Button
            size="xs"
            variant="default"
            rightSection={<IconArrowRight size={14} aria-hidden />}
            disabled={page.at_newest && atStart && page.newest_first}
            onClick={newer}
          >
            Newer
          </Button>
          <Button size="xs" variant="default" loading={query.isFetching} onClick={() => void query.refetch()}>
            Refresh
          </Button>
          <ExportButton topic={topic.name} records={page.records} />
        </Group>
      </Group>
      {page.timed_out && (
        <Alert color="yellow" title="Reading stopped at the time limit">
          Kafka was slow, or there are many other entries between the records. The records found so far are shown; press
          Older or Newer to continue.
        </Alert>
      )}
      {page.records.length === 0 ? (
        <NoRecords topic={topic} search={search} scanned={page.scanned} onSearch={onSearch} />
      ) : (
        <RecordTable
          records={page.records}
          fields={fields}
          label={`Records of ${topic.name}`}
          selected={search.record}
          onSelect={(record) => onSearch({ record: recordId(record) })}
          withPartition={topic.partitions.length > 1}
        />
      )}
      <RecordDrawer topic={topic.name} record={selected} onClose={() => onSearch({ record: undefined })} />
    </Stack>
  )
}

/** Says how records are decoded, if something declares it. */
function DecoderNote({ decoder }: { decoder: RecordDecoder }) {
  if (decoder.kind !== 'auto') return null
  if (decoder.input_format) return `, decoded as ${decoder.input_format} according to ${decoder.origin}`
  return ', format detected'
}

function NoRecords({
  topic,
  search,
  scanned,
  onSearch,
}: {
  topic: Topic
  search: TopicSearch
  scanned: number
  onSearch: Props['onSearch']
}) {
  if (topic.records === 0) {
    return (
      <EmptyTopic topic={topic} action={<Button onClick={() => onSearch({ from: 'live' })}>Wait for records</Button>} />
    )
  }
  const back = {
    from: undefined,
    before: undefined,
    after: undefined,
    q: undefined,
    regex: undefined,
    partition: undefined,
  }
  return (
    <EmptyState
      title={search.q ? 'No matching records' : 'No records here'}
      action={<Button onClick={() => onSearch(back)}>Show the newest</Button>}
    >
      {search.q
        ? `${formatCount(scanned)} records were searched. Press Older or Newer to search on.`
        : 'There are no records at this position: it is the end of the topic, or only aborted transactions follow.'}
    </EmptyState>
  )
}

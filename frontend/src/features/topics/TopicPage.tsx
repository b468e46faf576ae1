/** One topic: its records, its partitions, who uses it. */
import { Button, Text } from '@mantine/core'
import { IconFileImport, IconPencilPlus, IconSchool, IconTable } from '@tabler/icons-react'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { ButtonLink } from '~/components/ButtonLink'
import { CopyAs } from '~/components/CopyAs'
import { CopyButton } from '~/components/CopyButton'
import { ObjectPage } from '~/components/ObjectPage'
import { topicsRecordsListQueryKey, topicsRetrieveOptions, topicsRetrieveQueryKey } from '~/lib/api'
import { curlCall, pythonCall, shellQuote } from '~/lib/equivalents'
import { plural } from '~/lib/format'
import { useLive } from '~/lib/live'
import { useSession } from '~/lib/session'
import { aboutText, atMost } from './counts'
import { FileDialog } from './FileDialog'
import { PartitionsTab } from './PartitionsTab'
import { ProduceDialog } from './ProduceDialog'
import { RecordsTab } from './RecordsTab'
import { recordsQuery, type TopicSearch } from './search'
import { TrainDialog } from './TrainDialog'
import { UsersTab } from './UsersTab'

const REFRESH_MS = 10_000

export function TopicPage() {
  const { name } = useParams({ from: '/topics/$name' })
  const search = useSearch({ from: '/topics/$name' })
  const navigate = useNavigate({ from: '/topics/$name' })
  const { paused } = useLive()
  const { can } = useSession()
  const query = useQuery({
    ...topicsRetrieveOptions({ path: { name } }),
    // Kafka is asked at an interval, because records that others write cause no event of the platform.
    refetchInterval: paused ? false : REFRESH_MS,
  })
  const change = (next: TopicSearch) =>
    void navigate({ search: (before: TopicSearch) => ({ ...before, ...next }), replace: true })
  const queryClient = useQueryClient()
  /** Closes a dialog that may have written records, and shows them. */
  const closeWriting = () => {
    change({ write: undefined, file: undefined })
    void queryClient.invalidateQueries({ queryKey: topicsRetrieveQueryKey({ path: { name } }) })
    void queryClient.invalidateQueries({ queryKey: topicsRecordsListQueryKey({ path: { name } }) })
  }
  const topic = query.data
  return (
    <>
      <ObjectPage
        what="Topic"
        title={
          <>
            {name}
            <CopyButton text={name} what="name" />
          </>
        }
        query={query}
        subtitle={
          topic && (
            <Text size="sm" component="span" title={atMost(topic.records)}>
              Topic with {plural(topic.partitions.length, 'partition')}, {aboutText(topic.records)}
            </Text>
          )
        }
        actions={
          <>
            <CopyAs equivalents={equivalents(name, search)} />
            {can('editor') && topic && (
              <>
                {!topic.internal && (
                  <Button
                    size="xs"
                    variant="default"
                    leftSection={<IconPencilPlus size={14} aria-hidden />}
                    onClick={() => change({ write: true })}
                  >
                    Write record
                  </Button>
                )}
                {!topic.internal && (
                  <Button
                    size="xs"
                    variant="default"
                    leftSection={<IconFileImport size={14} aria-hidden />}
                    onClick={() => change({ file: true })}
                  >
                    Write file
                  </Button>
                )}
                <Button
                  size="xs"
                  variant="default"
                  leftSection={<IconSchool size={14} aria-hidden />}
                  onClick={() => change({ train: true })}
                >
                  Use for training
                </Button>
                <ButtonLink
                  to="/datasets/new"
                  search={{ topic: name }}
                  leftSection={<IconTable size={14} aria-hidden />}
                >
                  Use as data set
                </ButtonLink>
              </>
            )}
          </>
        }
        tab={search.tab}
        onTab={(tab) => change({ tab: tab === 'records' ? undefined : tab })}
        tabs={[
          {
            value: 'records',
            label: 'Records',
            content: () => topic && <RecordsTab topic={topic} search={search} onSearch={change} />,
          },
          { value: 'partitions', label: 'Partitions', content: () => topic && <PartitionsTab topic={topic} /> },
          { value: 'users', label: 'Used by', content: () => topic && <UsersTab topic={topic} /> },
        ]}
      />
      {topic && can('editor') && search.write && <ProduceDialog topic={topic} onClose={closeWriting} />}
      {topic && can('editor') && search.file && <FileDialog topic={topic.name} onClose={closeWriting} />}
      {topic && can('editor') && search.train && (
        <TrainDialog topic={topic} onClose={() => change({ train: undefined })} />
      )}
    </>
  )
}

/** The shown page of records as a command, as Python and as curl. */
function equivalents(name: string, search: TopicSearch) {
  const query = recordsQuery(search)
  const options = Object.entries(query).map(
    ([option, value]) => `--${option.replaceAll('_', '-')} ${shellQuote(String(value))}`,
  )
  const parameters = new URLSearchParams(Object.entries(query).map(([key, value]) => [key, String(value)]))
  return {
    cli: ['kafka-ml topics records', shellQuote(name), ...options].join(' '),
    python: pythonCall('page = client.topics.records', { name, ...query }),
    curl: curlCall('GET', `/api/topics/${encodeURIComponent(name)}/records/?${parameters}`),
  }
}

/** All topics of the cluster, with who uses them. */

import { Button, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import type { DataTableColumn } from 'mantine-datatable'
import { useState } from 'react'
import { ButtonLink, TopicLink } from '~/components/ButtonLink'
import { CopyAs } from '~/components/CopyAs'
import { EmptyState } from '~/components/EmptyState'
import { ListPage } from '~/components/ListPage'
import { Toggle } from '~/components/Toggle'
import { type TopicSummary, topicsListOptions } from '~/lib/api'
import { curlCall, shellQuote } from '~/lib/equivalents'
import { formatCount } from '~/lib/format'
import { listQuery } from '~/lib/listSearch'
import { useLive } from '~/lib/live'
import { useSession } from '~/lib/session'
import { useListSearch } from '~/lib/useListSearch'
import { atMost } from './counts'
import { NewTopicDialog } from './NewTopicDialog'
import type { TopicListSearch } from './routes'
import { UseLinks } from './UseLinks'

type Row = TopicSummary & { id: number }

/** The interval of requests in milliseconds. Records that others write cause no event of the platform. */
const REFRESH_MS = 10_000

const COLUMNS: DataTableColumn<Row>[] = [
  {
    accessor: 'name',
    sortable: true,
    render: (row) => <TopicLink name={row.name} />,
  },
  { accessor: 'partitions', sortable: true, textAlign: 'right', render: (row) => formatCount(row.partitions) },
  {
    accessor: 'records',
    // The count is the difference of the last and first offsets, which Kafka gives without reading the topic.
    title: 'Records, about',
    sortable: true,
    textAlign: 'right',
    render: (row) => (
      <Text size="sm" title={atMost(row.records)} component="span">
        {formatCount(row.records)}
      </Text>
    ),
  },
  { accessor: 'uses', title: 'Used as', render: (row) => <UseLinks uses={row.uses} count={row.use_count} /> },
]

export function TopicListPage() {
  const [search, change] = useListSearch<TopicListSearch>('/topics')
  const navigate = useNavigate()
  const { paused } = useLive()
  const { can } = useSession()
  const [making, setMaking] = useState(false)
  const open = (name: string) => void navigate({ to: '/topics/$name', params: { name } })
  const query = useQuery({
    ...topicsListOptions({ query: { ...(listQuery(search) as object), internal: search.internal } }),
    // Topics have no id, so the rows are numbered.
    select: (page) => ({ ...page, results: page.results.map((row, id) => ({ ...row, id })) }),
    refetchInterval: paused ? false : REFRESH_MS,
  })
  const shellOptions = [search.q && `--search ${shellQuote(search.q)}`, search.internal && '--internal']
  return (
    <>
      <ListPage<Row>
        title="Topics"
        description="The topics in Kafka: of streams, of inferences and of the platform itself."
        storeKey="topics"
        list={query}
        columns={COLUMNS}
        search={search}
        onSearch={change}
        actions={
          <>
            <CopyAs
              equivalents={{
                cli: ['kafka-ml topics list', ...shellOptions].filter(Boolean).join(' '),
                python:
                  'from kafkaml.sdk import Client\n\nclient = Client()\nfor topic in client.topics.list():\n    print(topic.name, topic.records)',
                curl: curlCall('GET', `/api/topics/?limit=500${search.internal ? '&internal=true' : ''}`),
              }}
            />
            {can('editor') && (
              <Button size="xs" onClick={() => setMaking(true)}>
                New topic
              </Button>
            )}
          </>
        }
        filters={
          <Toggle
            label="Internal topics"
            checked={search.internal ?? false}
            onChange={(on) => change({ internal: on || undefined })}
          />
        }
        filtered={search.internal ?? false}
        onRowClick={(row) => open(row.name)}
        empty={
          <EmptyState
            title="No topics yet"
            example="machines"
            action={<ButtonLink to="/streams">How to send data</ButtonLink>}
            command="kafka-ml send samples.csv --topic samples"
          >
            Topics hold the records on which models train and the predictions that they write. Send data to create the
            first one.
          </EmptyState>
        }
      />
      {making && <NewTopicDialog onClose={() => setMaking(false)} onMade={open} />}
    </>
  )
}

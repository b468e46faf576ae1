/** All announced streams: their records, their deployment, and their encoding. */

import { Button, Group, Text } from '@mantine/core'
import { IconX } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import type { DataTableColumn } from 'mantine-datatable'
import { Age } from '~/components/Age'
import { DeleteButton } from '~/components/BatchActions'
import { ButtonLink, StreamLink, TopicLink } from '~/components/ButtonLink'
import { CopyAs } from '~/components/CopyAs'
import { SmallPrint } from '~/components/Dimmed'
import { EmptyState } from '~/components/EmptyState'
import { ListPage } from '~/components/ListPage'
import { NameCell } from '~/components/NameCell'
import { SameRecords } from '~/components/SameRecords'
import { type Stream, streamsListOptions } from '~/lib/api'
import { curlCall } from '~/lib/equivalents'
import { formatCount, formatExact } from '~/lib/format'
import { listQuery } from '~/lib/listSearch'
import { parseRanges, sharesOf, topicsOf } from '~/lib/ranges'
import { useSession } from '~/lib/session'
import { useListSearch } from '~/lib/useListSearch'
import { useSelected } from '~/lib/useSelected'
import { DeploymentName } from './DeploymentName'
import { RefusedAnnouncements } from './RefusedAnnouncements'
import type { StreamListSearch } from './routes'

const COLUMNS: DataTableColumn<Stream>[] = [
  {
    accessor: 'id',
    title: 'Stream',
    sortable: true,
    render: (row) => (
      <NameCell description={row.description}>
        <StreamLink id={row.id}>stream {row.id}</StreamLink>
        <SmallPrint>
          <SameRecords stream={row} />
        </SmallPrint>
      </NameCell>
    ),
  },
  {
    accessor: 'deployment_number',
    title: 'Sent to',
    sortable: true,
    render: (row) => <DeploymentName stream={row} />,
  },
  { accessor: 'input_format', title: 'Format' },
  {
    accessor: 'total_msg',
    title: 'Records',
    textAlign: 'right',
    render: (row) => (
      <Text size="sm" component="span" title={formatExact(row.total_msg)}>
        {row.total_msg === null ? 'no end' : formatCount(row.total_msg)}
      </Text>
    ),
  },
  {
    accessor: 'rates',
    title: 'Train / val / test, %',
    textAlign: 'right',
    render: (row) => sharesOf(row.validation_rate, row.test_rate).join(' / '),
  },
  {
    accessor: 'topic',
    title: 'Topics',
    render: (row) => {
      const topics = topicsOf(parseRanges(row.topic))
      return (
        <Group gap={6}>
          {topics.slice(0, 2).map((name) => (
            <TopicLink key={name} name={name} maw={240} truncate />
          ))}
          {topics.length > 2 && <Text size="sm">and {topics.length - 2} more</Text>}
        </Group>
      )
    },
  },
  {
    accessor: 'registered_at',
    title: 'Announced',
    sortable: true,
    render: (row) => <Age at={row.registered_at} size="sm" />,
  },
]

export function StreamListPage() {
  const [search, change] = useListSearch<StreamListSearch>('/streams')
  const navigate = useNavigate()
  const { can } = useSession()
  const { deployment } = search
  const query = useQuery(streamsListOptions({ query: { ...listQuery(search), deployment } }))
  const { clear, ...chosen } = useSelected(query.data?.results)
  return (
    <>
      <RefusedAnnouncements />
      <ListPage<Stream>
        title="Streams"
        description="Slices of topics that were announced for training, with their positions and formats."
        storeKey="streams"
        list={query}
        columns={COLUMNS}
        search={search}
        onSearch={change}
        filtered={deployment !== undefined}
        filters={
          deployment !== undefined && (
            <Button
              size="xs"
              variant="default"
              rightSection={<IconX size={14} aria-hidden />}
              onClick={() => change({ deployment: undefined })}
            >
              Sent to deployment {deployment}
            </Button>
          )
        }
        actions={
          <>
            <CopyAs
              equivalents={{
                cli: `kafka-ml streams list${deployment ? ` --deployment ${deployment}` : ''}`,
                python: `from kafkaml.sdk import Client\n\nclient = Client()\nfor stream in client.streams.list(${deployment ? `deployment=${deployment}` : ''}):\n    print(stream.id, stream.topic)`,
                curl: curlCall('GET', `/api/streams/${deployment ? `?deployment=${deployment}` : ''}`),
              }}
            />
            {can('editor') && <ButtonLink to="/datasets/new">New data set</ButtonLink>}
          </>
        }
        rowLabel={(row) => `stream ${row.id}`}
        {...(can('editor') && {
          ...chosen,
          batchActions: <DeleteButton kind="streams" ids={chosen.selected.map(({ id }) => id)} onDone={clear} />,
        })}
        onRowClick={(row) => void navigate({ to: '/streams/$id', params: { id: String(row.id) } })}
        empty={
          <EmptyState
            title="No streams yet"
            example="digits"
            action={<ButtonLink to="/training">Choose a deployment to send data to</ButtonLink>}
            command="kafka-ml send samples.npz --deployment 1"
          >
            A sink writes samples to a topic, then announces their position and format to a deployment, which starts
            training. The page of a deployment shows how, in Python or as a command.
          </EmptyState>
        }
      />
    </>
  )
}

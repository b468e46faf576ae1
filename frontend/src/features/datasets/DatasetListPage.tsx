/** All data sets: slices of topics with the contracts that turn records into samples, including streams from sinks. */
import { Badge, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import type { DataTableColumn } from 'mantine-datatable'
import { Age } from '~/components/Age'
import { ButtonLink, DatasetLink, StreamLink, TopicLink } from '~/components/ButtonLink'
import { CopyAs } from '~/components/CopyAs'
import { EmptyState } from '~/components/EmptyState'
import { FilterSelect } from '~/components/FilterSelect'
import { ListPage } from '~/components/ListPage'
import { NameCell } from '~/components/NameCell'
import { type CatalogRow, type DatasetsCatalogData, datasetsCatalogOptions } from '~/lib/api'
import { formatCount, formatExact, NONE } from '~/lib/format'
import { listQuery } from '~/lib/listSearch'
import { parseRanges, topicsOf } from '~/lib/ranges'
import { useSession } from '~/lib/session'
import { useListSearch } from '~/lib/useListSearch'
import { listEquivalents } from './equivalents'
import { type DatasetListSearch, KINDS } from './routes'

type Ordering = NonNullable<NonNullable<DatasetsCatalogData['query']>['ordering']>

const KIND_WORDS = { dataset: 'Created from a topic', stream: 'Announced by a sink' }

const COLUMNS: DataTableColumn<CatalogRow>[] = [
  {
    accessor: 'name',
    sortable: true,
    render: (row) => {
      const Link = row.kind === 'stream' ? StreamLink : DatasetLink
      return (
        <NameCell description={row.description}>
          <Link id={row.id}>{row.name}</Link>
        </NameCell>
      )
    },
  },
  {
    accessor: 'kind',
    render: (row) => (
      <Badge
        variant={row.kind === 'stream' ? 'outline' : 'light'}
        color="gray"
        tt="none"
        title={KIND_WORDS[row.kind]}
        miw="max-content"
      >
        {row.kind === 'stream' ? `stream ${row.id}` : 'data set'}
      </Badge>
    ),
  },
  {
    accessor: 'topic',
    title: 'Topic',
    render: (row) => topicsOf(parseRanges(row.ranges)).map((name) => <TopicLink key={name} name={name} />),
  },
  { accessor: 'format' },
  {
    accessor: 'columns',
    title: 'Columns',
    render: (row) => (
      <Text size="sm" lineClamp={2} maw={360} style={{ overflowWrap: 'anywhere' }}>
        {row.columns.join(', ') || NONE}
      </Text>
    ),
  },
  { accessor: 'label', render: (row) => row.labels.join(', ') || NONE },
  {
    accessor: 'records',
    textAlign: 'right',
    render: (row) => (
      <Text size="sm" component="span" title={formatExact(row.records)}>
        {row.records === null ? 'without end' : formatCount(row.records)}
      </Text>
    ),
  },
  {
    accessor: 'versions',
    textAlign: 'right',
    render: (row) => (row.kind === 'stream' ? NONE : formatCount(row.versions)),
  },
  {
    accessor: 'changed_at',
    title: 'Changed',
    sortable: true,
    render: (row) => <Age at={row.changed_at} size="sm" />,
  },
]

const TRAIN: DataTableColumn<CatalogRow> = {
  accessor: 'train',
  title: 'Train',
  textAlign: 'right',
  toggleable: false,
  render: (row) =>
    row.kind === 'stream' ? (
      <ButtonLink
        size="compact-xs"
        variant="default"
        to="/streams/$id"
        params={{ id: String(row.id) }}
        search={{ send: true }}
        aria-label={`Train on stream ${row.id}: send it to a deployment`}
      >
        Train
      </ButtonLink>
    ) : (
      <ButtonLink
        size="compact-xs"
        variant="default"
        to="/training/new"
        search={{ dataset: row.id }}
        aria-label={`Train on ${row.name}`}
      >
        Train
      </ButtonLink>
    ),
}

export function DatasetListPage() {
  const [search, change] = useListSearch<DatasetListSearch>('/datasets')
  const navigate = useNavigate()
  const { can } = useSession()
  const { kind } = search
  const { ordering, ...page } = listQuery(search)
  const query = useQuery(
    datasetsCatalogOptions({
      query: { ...page, ...(ordering && { ordering: ordering as Ordering }), ...(kind && { kind }) },
    }),
  )
  return (
    <ListPage<CatalogRow>
      title="Data sets"
      description="Slices of existing topics, and how their records become samples. Streams that sinks announced are listed too, as they were sent."
      storeKey="datasets"
      actions={
        <>
          <CopyAs equivalents={listEquivalents(kind)} />
          {can('editor') && <ButtonLink to="/datasets/new">New data set</ButtonLink>}
        </>
      }
      list={query}
      columns={can('editor') ? [...COLUMNS, TRAIN] : COLUMNS}
      search={search}
      onSearch={change}
      filtered={kind !== undefined}
      filters={
        <FilterSelect
          label="Kind"
          w={180}
          data={KINDS.map((value) => ({ value, label: KIND_WORDS[value] }))}
          value={kind}
          onChange={(next) => change({ kind: next, page: undefined })}
        />
      }
      rowKey={(row) => `${row.kind}-${row.id}`}
      onRowClick={(row) =>
        void navigate(
          row.kind === 'stream'
            ? { to: '/streams/$id', params: { id: String(row.id) }, search: {} }
            : { to: '/datasets/$id', params: { id: String(row.id) }, search: {} },
        )
      }
      empty={
        <EmptyState
          title="No data sets yet"
          example="machines"
          action={can('editor') && <ButtonLink to="/datasets/new">Choose a topic</ButtonLink>}
          command="kafka-ml datasets infer TOPIC"
        >
          A topic with JSON, Avro or CSV records needs no sink: choose it, and Kafka-ML proposes which fields to learn
          from, which one is the label, and how they become numbers. No record is copied.
        </EmptyState>
      }
    />
  )
}

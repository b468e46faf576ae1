/** All data sets: slices of topics, and how their records become samples. */
import { Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import type { DataTableColumn } from 'mantine-datatable'
import { Age } from '~/components/Age'
import { ButtonLink, DatasetLink, TopicLink } from '~/components/ButtonLink'
import { CopyAs } from '~/components/CopyAs'
import { EmptyState } from '~/components/EmptyState'
import { ListPage } from '~/components/ListPage'
import { type Dataset, datasetsListOptions } from '~/lib/api'
import { formatCount, formatExact, NONE } from '~/lib/format'
import { type ListSearch, listQuery } from '~/lib/listSearch'
import { parseRanges, topicsOf } from '~/lib/ranges'
import { useSession } from '~/lib/session'
import { useListSearch } from '~/lib/useListSearch'
import { listEquivalents } from './equivalents'

const COLUMNS: DataTableColumn<Dataset>[] = [
  {
    accessor: 'name',
    sortable: true,
    render: (row) => (
      <>
        <DatasetLink id={row.id} style={{ display: 'block', width: 'fit-content', overflowWrap: 'anywhere' }}>
          {row.name}
        </DatasetLink>
        {row.description && (
          <Text size="xs" c="dimmed" lineClamp={1} maw={360}>
            {row.description}
          </Text>
        )}
      </>
    ),
  },
  {
    accessor: 'topic',
    title: 'Topic',
    render: ({ versions: [newest] }) =>
      topicsOf(parseRanges(newest?.ranges ?? '')).map((name) => <TopicLink key={name} name={name} />),
  },
  {
    accessor: 'columns',
    title: 'Columns',
    render: ({ versions: [newest] }) => (
      <Text size="sm" lineClamp={2} maw={360} style={{ overflowWrap: 'anywhere' }}>
        {newest?.contract.columns.map((each) => each.name).join(', ')}
      </Text>
    ),
  },
  {
    accessor: 'label',
    render: ({ versions: [newest] }) => newest?.contract.labels.map((each) => each.name).join(', ') || NONE,
  },
  {
    accessor: 'records',
    textAlign: 'right',
    render: ({ versions: [newest] }) => (
      <Text size="sm" component="span" title={formatExact(newest?.records)}>
        {formatCount(newest?.records)}
      </Text>
    ),
  },
  { accessor: 'versions', textAlign: 'right', render: (row) => formatCount(row.versions.length) },
  { accessor: 'updated_at', title: 'Changed', sortable: true, render: (row) => <Age at={row.updated_at} size="sm" /> },
]

const TRAIN: DataTableColumn<Dataset> = {
  accessor: 'train',
  title: 'Train',
  textAlign: 'right',
  toggleable: false,
  render: (row) => (
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
  const [search, change] = useListSearch<ListSearch>('/datasets')
  const navigate = useNavigate()
  const { can } = useSession()
  const query = useQuery(datasetsListOptions({ query: listQuery(search) }))
  return (
    <ListPage<Dataset>
      title="Data sets"
      description="Slices of topics that are there already, and how their records become samples."
      storeKey="datasets"
      actions={
        <>
          <CopyAs equivalents={listEquivalents()} />
          {can('editor') && <ButtonLink to="/datasets/new">New data set</ButtonLink>}
        </>
      }
      list={query}
      columns={can('editor') ? [...COLUMNS, TRAIN] : COLUMNS}
      search={search}
      onSearch={change}
      onRowClick={(row) => void navigate({ to: '/datasets/$id', params: { id: String(row.id) }, search: {} })}
      empty={
        <EmptyState
          title="No data sets yet"
          action={can('editor') && <ButtonLink to="/datasets/new">Choose a topic</ButtonLink>}
          command="kafka-ml datasets infer TOPIC"
        >
          A topic of JSON, Avro or CSV records with named fields needs no sink: choose it, and Kafka-ML proposes which
          fields are learnt, which one is the label and how they become numbers. No record is copied.
        </EmptyState>
      }
    />
  )
}

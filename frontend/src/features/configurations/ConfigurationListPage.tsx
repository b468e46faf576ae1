/** All configurations. */

import { Group, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import type { DataTableColumn } from 'mantine-datatable'
import { Age } from '~/components/Age'
import { DeleteButton } from '~/components/BatchActions'
import { ButtonLink, ConfigurationLink } from '~/components/ButtonLink'
import { Dimmed } from '~/components/Dimmed'
import { EmptyState } from '~/components/EmptyState'
import { ListPage } from '~/components/ListPage'
import { NameCell } from '~/components/NameCell'
import { UnitLabel } from '~/components/UnitLabel'
import { type Configuration, configurationsListOptions } from '~/lib/api'
import { formatCount } from '~/lib/format'
import { type ListSearch, listQuery } from '~/lib/listSearch'
import { useSession } from '~/lib/session'
import { unitsOf } from '~/lib/units'
import { useListSearch } from '~/lib/useListSearch'
import { useSelected } from '~/lib/useSelected'

const MOST_MODELS = 4

const COLUMNS: DataTableColumn<Configuration>[] = [
  {
    accessor: 'name',
    sortable: true,
    render: (row) => (
      <NameCell description={row.description}>
        <ConfigurationLink id={row.id}>{row.name}</ConfigurationLink>
      </NameCell>
    ),
  },
  {
    accessor: 'models',
    render: (row) => {
      const units = unitsOf(row.model_details)
      return (
        <Group gap="md">
          {units.slice(0, MOST_MODELS).map((unit) => (
            <UnitLabel key={unit[0].id} unit={unit} />
          ))}
          {units.length > MOST_MODELS && <Text size="sm">and {units.length - MOST_MODELS} more</Text>}
        </Group>
      )
    },
  },
  {
    accessor: 'deployments',
    textAlign: 'right',
    render: (row) =>
      row.deployments === 0 ? (
        <Dimmed>none</Dimmed>
      ) : (
        <ConfigurationLink
          id={row.id}
          search={{ tab: 'deployments' }}
          aria-label={`${formatCount(row.deployments)} deployments of ${row.name}`}
        >
          {formatCount(row.deployments)}
        </ConfigurationLink>
      ),
  },
  { accessor: 'updated_at', title: 'Changed', sortable: true, render: (row) => <Age at={row.updated_at} size="sm" /> },
]

const DEPLOY: DataTableColumn<Configuration> = {
  accessor: 'deploy',
  title: 'Train',
  textAlign: 'right',
  toggleable: false,
  render: (row) => (
    <ButtonLink
      size="compact-xs"
      variant="default"
      to="/training/new"
      search={{ configuration: row.id }}
      aria-label={`Deploy ${row.name} for training`}
    >
      Deploy
    </ButtonLink>
  ),
}

export function ConfigurationListPage() {
  const [search, change] = useListSearch<ListSearch>('/configurations')
  const navigate = useNavigate()
  const { can } = useSession()
  const query = useQuery(configurationsListOptions({ query: listQuery(search) }))
  const { clear, ...chosen } = useSelected(query.data?.results)
  return (
    <ListPage<Configuration>
      title="Configurations"
      description="Models that train on the same data, so that they can be compared or served side by side."
      storeKey="configurations"
      actions={can('editor') && <ButtonLink to="/configurations/new">New configuration</ButtonLink>}
      list={query}
      columns={can('editor') ? [...COLUMNS, DEPLOY] : COLUMNS}
      search={search}
      onSearch={change}
      rowLabel={(row) => row.name}
      {...(can('editor') && {
        ...chosen,
        batchActions: <DeleteButton kind="configurations" ids={chosen.selected.map(({ id }) => id)} onDone={clear} />,
      })}
      onRowClick={(row) => void navigate({ to: '/configurations/$id', params: { id: String(row.id) }, search: {} })}
      empty={
        <EmptyState
          title="No configurations yet"
          example="digits"
          action={can('editor') && <ButtonLink to="/configurations/new">Group models</ButtonLink>}
          command="kafka-ml configurations create NAME --model 1 --model 2"
        >
          A configuration is a set of models that train on the same data. Put one model in it to train it, or several to
          compare them on exactly the same samples.
        </EmptyState>
      }
    />
  )
}

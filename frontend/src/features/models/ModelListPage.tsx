/** All models, to find one or to group several into a configuration. */

import { Group, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import type { DataTableColumn } from 'mantine-datatable'
import { Age } from '~/components/Age'
import { DeleteButton } from '~/components/BatchActions'
import { ButtonLink, ConfigurationLink, ModelLink } from '~/components/ButtonLink'
import { Dimmed, SmallPrint } from '~/components/Dimmed'
import { EmptyState } from '~/components/EmptyState'
import { FilterSelect } from '~/components/FilterSelect'
import { FrameworkMark } from '~/components/FrameworkMark'
import { ListPage } from '~/components/ListPage'
import { NameCell } from '~/components/NameCell'
import { TensorShapes } from '~/components/TensorShapes'
import { type ModelRow, modelsListOptions } from '~/lib/api'
import { formatCount } from '~/lib/format'
import { anyOf, useFrameworks } from '~/lib/frameworks'
import { listQuery } from '~/lib/listSearch'
import { useSession } from '~/lib/session'
import { useListSearch } from '~/lib/useListSearch'
import type { ModelListSearch } from './routes'
import { TrainButton } from './TrainButton'

const COLUMNS: DataTableColumn<ModelRow>[] = [
  {
    accessor: 'name',
    sortable: true,
    render: (row) => (
      <NameCell description={row.description}>
        <ModelLink id={row.id}>{row.name}</ModelLink>
        {row.code_match && (
          <SmallPrint>
            line {row.code_match.line}: <code>{row.code_match.text}</code>
          </SmallPrint>
        )}
      </NameCell>
    ),
  },
  {
    accessor: 'framework',
    render: (row) => (
      <Group gap={6} wrap="nowrap">
        <FrameworkMark framework={row.framework} />
        {row.distributed && <SmallPrint>distributed</SmallPrint>}
      </Group>
    ),
  },
  {
    accessor: 'shapes',
    title: 'Input → output',
    render: (row) => <TensorShapes inputs={row.report.inputs} outputs={row.report.outputs} />,
  },
  { accessor: 'parameters', textAlign: 'right', render: (row) => formatCount(row.report.parameters) },
  {
    accessor: 'used_by',
    title: 'Used by',
    render: (row) =>
      row.used_by.length === 0 ? (
        <Dimmed>not used yet</Dimmed>
      ) : (
        <Group gap={6}>
          {row.used_by.slice(0, 2).map((of) => (
            <ConfigurationLink id={of.id} key={of.id} maw={220} truncate>
              {of.name}
            </ConfigurationLink>
          ))}
          {row.used_by.length > 2 && <Text size="sm">and {row.used_by.length - 2} more</Text>}
        </Group>
      ),
  },
  { accessor: 'updated_at', title: 'Changed', sortable: true, render: (row) => <Age at={row.updated_at} size="sm" /> },
]

const TRAIN: DataTableColumn<ModelRow> = {
  accessor: 'train',
  textAlign: 'right',
  toggleable: false,
  render: (row) => <TrainButton id={row.id} name={row.name} size="compact-xs" variant="default" />,
}

export function ModelListPage() {
  const [search, change] = useListSearch<ModelListSearch>('/models')
  const navigate = useNavigate()
  const { can } = useSession()
  const { framework, kind } = search
  const distributed = kind && kind === 'distributed'
  const query = useQuery(modelsListOptions({ query: { ...listQuery(search), framework, distributed } }))
  const chosen = search.sel ?? []
  const frameworks = useFrameworks()
  const inWhich = frameworks.length > 0 ? ` in ${anyOf(frameworks)}` : ''
  const newModel = can('editor') && <ButtonLink to="/models/new">New model</ButtonLink>
  return (
    <ListPage<ModelRow>
      title="Models"
      description={`Code that defines a network${inWhich}, checked before it is saved.`}
      storeKey="models"
      actions={newModel}
      list={query}
      columns={can('editor') ? [...COLUMNS, TRAIN] : COLUMNS}
      search={search}
      onSearch={change}
      filtered={framework !== undefined || kind !== undefined}
      filters={
        <>
          <FilterSelect
            label="Framework"
            data={frameworks.map(({ name, title }) => ({ value: name, label: title }))}
            value={framework}
            onChange={(next) => change({ framework: next })}
          />
          <FilterSelect
            w={170}
            label="Kind"
            any="Whole or distributed"
            data={[
              { value: 'whole', label: 'Whole models' },
              { value: 'distributed', label: 'Sub-models of distributed models' },
            ]}
            value={kind}
            onChange={(next) => change({ kind: next })}
          />
        </>
      }
      onRowClick={(row) => void navigate({ to: '/models/$id', params: { id: String(row.id) }, search: {} })}
      rowLabel={(row) => row.name}
      {...(can('editor')
        ? {
            selected: (query.data?.results ?? []).filter((row) => chosen.includes(row.id)),
            onSelect: (next: ModelRow[]) => change({ sel: next.length > 0 ? next.map(({ id }) => id) : undefined }),
            batchActions: (
              <>
                <ButtonLink variant="default" to="/configurations/new" search={{ models: chosen }}>
                  Group into a configuration
                </ButtonLink>
                <DeleteButton kind="models" ids={chosen} onDone={() => change({ sel: undefined })} />
              </>
            ),
          }
        : {})}
      empty={
        <EmptyState
          title="No models yet"
          example="digits"
          action={can('editor') && <ButtonLink to="/models/new">Create the first model</ButtonLink>}
          command="kafka-ml models create FILE --name NAME --framework tensorflow"
        >
          A model is Python code that defines a network. Paste your own, or start from a template for MNIST, images or
          tables{inWhich}.
        </EmptyState>
      }
    />
  )
}

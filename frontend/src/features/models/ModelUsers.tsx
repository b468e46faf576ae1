/** What uses a model: configurations, the sub-model below it, and its training results. */
import { Group, Stack, Title } from '@mantine/core'
import type { UseQueryResult } from '@tanstack/react-query'
import { Age } from '~/components/Age'
import { ButtonLink, ConfigurationLink, DeploymentLink, ModelLink, ResultLink } from '~/components/ButtonLink'
import { Dimmed, SmallPrint } from '~/components/Dimmed'
import { EmptyState } from '~/components/EmptyState'
import { ProblemAlert } from '~/components/ProblemAlert'
import { RowTable } from '~/components/RowTable'
import { StatusBadge } from '~/components/StatusBadge'
import type { Model, ModelRow, PaginatedResultRowList, ResultRow } from '~/lib/api'
import { formatExact, formatMeasured, NONE, plural } from '~/lib/format'
import { useSession } from '~/lib/session'
import { bestOf, metricNamesOf } from './metrics'

export function ModelUsers({
  model,
  subModels,
  results,
}: {
  model: Model
  subModels: readonly ModelRow[]
  results: UseQueryResult<PaginatedResultRowList, unknown>
}) {
  const { can } = useSession()
  const lower = subModels.filter((modelRow) => modelRow.upper_model === model.id)
  const rows = results.data?.results ?? []
  if (model.used_by.length === 0 && lower.length === 0 && results.data?.count === 0) {
    return (
      <EmptyState
        title="Not used yet"
        action={
          can('editor') && (
            <ButtonLink to="/configurations/new" search={{ models: [model.id] }}>
              Use in a configuration
            </ButtonLink>
          )
        }
        command={`kafka-ml configurations create NAME --model ${model.id}`}
      >
        A configuration groups models that train on the same data. Deploy it to train them.
      </EmptyState>
    )
  }
  return (
    <Stack gap="lg">
      <Stack gap={4}>
        <Title order={2}>Configurations</Title>
        {model.used_by.length === 0 ? (
          <Dimmed>None</Dimmed>
        ) : (
          <Group gap="md">
            {model.used_by.map((of) => (
              <ConfigurationLink id={of.id} key={of.id}>
                {of.name}
              </ConfigurationLink>
            ))}
          </Group>
        )}
      </Stack>
      {lower.length > 0 && (
        <Stack gap={4}>
          <Title order={2}>Sub-model that sends to it</Title>
          <Group gap="md">
            {lower.map((modelRow) => (
              <ModelLink id={modelRow.id} key={modelRow.id}>
                {modelRow.name}
              </ModelLink>
            ))}
          </Group>
        </Stack>
      )}
      <Stack gap={4}>
        <Title order={2}>Training</Title>
        <ProblemAlert error={results.error} />
        {results.data?.count === 0 ? <Dimmed>Not trained yet</Dimmed> : <ResultTable rows={rows} />}
        {(results.data?.count ?? 0) > rows.length && (
          <SmallPrint>
            The newest {rows.length} of {plural(results.data?.count ?? 0, 'result')}
          </SmallPrint>
        )}
      </Stack>
    </Stack>
  )
}

function ResultTable({ rows }: { rows: readonly ResultRow[] }) {
  const names = metricNamesOf(rows)
  const best = Object.fromEntries(names.map((name) => [name, bestOf(rows, name)]))
  return (
    <RowTable
      label="Results of this model"
      minWidth={560}
      highlightOnHover
      withTableBorder={false}
      rows={rows}
      rowKey={(row) => row.id}
      columns={[
        {
          title: 'Result',
          cell: (row) => <ResultLink id={row.id}>Result {row.id}</ResultLink>,
        },
        {
          title: 'State',
          cell: (row) => <StatusBadge state={row.state} tooltip={row.failure?.cause} />,
        },
        {
          title: 'Deployment',
          cell: (row) => <DeploymentLink id={row.deployment}>Deployment {row.deployment}</DeploymentLink>,
        },
        ...names.map((name) => ({
          title: `${name}, test`,
          right: true,
          cell: (row: ResultRow) => {
            const value = formatMeasured(row.outcome?.test_metrics[name])
            return row.id === best[name] ? <b>{value} best</b> : value
          },
        })),
        {
          title: 'Samples',
          right: true,
          cell: (row) =>
            row.outcome
              ? formatExact(Object.values(row.outcome.samples).reduce((sum, sample) => sum + sample, 0))
              : NONE,
        },
        { title: 'Created', cell: (row) => <Age at={row.created_at} size="sm" /> },
      ]}
    />
  )
}

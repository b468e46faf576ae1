/** Who uses a model: configurations, lower parts of a chain, and what its training gave. */
import { Group, Stack, Table, Text, Title } from '@mantine/core'
import type { UseQueryResult } from '@tanstack/react-query'
import { Age } from '~/components/Age'
import { AnchorLink, ButtonLink } from '~/components/ButtonLink'
import { EmptyState } from '~/components/EmptyState'
import { ProblemAlert } from '~/components/ProblemAlert'
import { ScrollTable } from '~/components/ScrollTable'
import { StatusBadge } from '~/components/StatusBadge'
import type { Model, ModelRow, PaginatedResultRowList, ResultRow } from '~/lib/api'
import { formatExact, formatMeasured, NONE, plural } from '~/lib/format'
import { useSession } from '~/lib/session'
import { bestOf, metricNamesOf } from './metrics'

export function ModelUsers({
  model,
  parts,
  results,
}: {
  model: Model
  parts: readonly ModelRow[]
  results: UseQueryResult<PaginatedResultRowList, unknown>
}) {
  const { can } = useSession()
  const lower = parts.filter((each) => each.upper_model === model.id)
  const rows = results.data?.results ?? []
  if (model.used_by.length === 0 && lower.length === 0 && results.data?.count === 0) {
    return (
      <EmptyState
        title="Nothing uses this model yet"
        action={
          can('editor') && (
            <ButtonLink to="/configurations/new" search={{ models: [model.id] }}>
              Use in a configuration
            </ButtonLink>
          )
        }
        command={`kafka-ml configurations create NAME --model ${model.id}`}
      >
        A configuration groups models that train on the same stream; deploying it trains them.
      </EmptyState>
    )
  }
  return (
    <Stack gap="lg">
      <Stack gap={4}>
        <Title order={2}>Configurations</Title>
        {model.used_by.length === 0 ? (
          <Text size="sm" c="dimmed">
            None
          </Text>
        ) : (
          <Group gap="md">
            {model.used_by.map((each) => (
              <AnchorLink key={each.id} size="sm" to="/configurations/$id" params={{ id: String(each.id) }}>
                {each.name}
              </AnchorLink>
            ))}
          </Group>
        )}
      </Stack>
      {lower.length > 0 && (
        <Stack gap={4}>
          <Title order={2}>Parts that send to it</Title>
          <Group gap="md">
            {lower.map((each) => (
              <AnchorLink key={each.id} size="sm" to="/models/$id" params={{ id: String(each.id) }}>
                {each.name}
              </AnchorLink>
            ))}
          </Group>
        </Stack>
      )}
      <Stack gap={4}>
        <Title order={2}>Training</Title>
        <ProblemAlert error={results.error} />
        {results.data?.count === 0 ? (
          <Text size="sm" c="dimmed">
            It was not trained yet
          </Text>
        ) : (
          <ResultTable rows={rows} />
        )}
        {(results.data?.count ?? 0) > rows.length && (
          <Text size="xs" c="dimmed">
            The newest {rows.length} of {plural(results.data?.count ?? 0, 'result')}
          </Text>
        )}
      </Stack>
    </Stack>
  )
}

function ResultTable({ rows }: { rows: readonly ResultRow[] }) {
  const names = metricNamesOf(rows)
  const best = Object.fromEntries(names.map((name) => [name, bestOf(rows, name)]))
  return (
    <ScrollTable label="Results of this model" minWidth={560} highlightOnHover withTableBorder={false}>
      <Table.Thead>
        <Table.Tr>
          <Table.Th>Result</Table.Th>
          <Table.Th>State</Table.Th>
          <Table.Th>Deployment</Table.Th>
          {names.map((name) => (
            <Table.Th key={name} ta="right">
              {name}, test
            </Table.Th>
          ))}
          <Table.Th ta="right">Samples</Table.Th>
          <Table.Th>Made</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {rows.map((row) => (
          <Table.Tr key={row.id}>
            <Table.Td>
              <AnchorLink size="sm" to="/results/$id" params={{ id: String(row.id) }}>
                Result {row.id}
              </AnchorLink>
            </Table.Td>
            <Table.Td>
              <StatusBadge state={row.state} {...(row.failure ? { tooltip: row.failure.cause } : {})} />
            </Table.Td>
            <Table.Td>
              <AnchorLink size="sm" to="/training/$id" params={{ id: String(row.deployment) }}>
                Deployment {row.deployment}
              </AnchorLink>
            </Table.Td>
            {names.map((name) => (
              <Table.Td key={name} ta="right">
                {row.id === best[name] ? (
                  <Text span size="sm" fw={600}>
                    {formatMeasured(row.outcome?.test_metrics[name])} best
                  </Text>
                ) : (
                  formatMeasured(row.outcome?.test_metrics[name])
                )}
              </Table.Td>
            ))}
            <Table.Td ta="right">
              {row.outcome
                ? formatExact(Object.values(row.outcome.samples).reduce((sum, each) => sum + each, 0))
                : NONE}
            </Table.Td>
            <Table.Td>
              <Age at={row.created_at} size="sm" />
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </ScrollTable>
  )
}

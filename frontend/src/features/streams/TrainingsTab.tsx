/** Training runs that used a stream. */
import { Skeleton, Table, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Age } from '~/components/Age'
import { AnchorLink } from '~/components/ButtonLink'
import { EmptyState } from '~/components/EmptyState'
import { ProblemAlert } from '~/components/ProblemAlert'
import { ScrollTable } from '~/components/ScrollTable'
import { StatusBadge } from '~/components/StatusBadge'
import { resultsListOptions } from '~/lib/api'

const MOST = 200

export function TrainingsTab({ stream }: { stream: number }) {
  const query = useQuery(resultsListOptions({ query: { stream, limit: MOST } }))
  if (query.isPending) return <Skeleton height={120} aria-label="Loading" />
  if (query.error) return <ProblemAlert error={query.error} onRetry={() => void query.refetch()} />
  const { results: rows, count } = query.data
  if (rows.length === 0)
    return (
      <EmptyState title="Nothing was trained from it">
        A deployment that waits for a stream begins when one is sent to it.
      </EmptyState>
    )
  return (
    <>
      <ScrollTable label="Training runs" minWidth={480} verticalSpacing={5} maw={820}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Result</Table.Th>
            <Table.Th>Model</Table.Th>
            <Table.Th>Deployment</Table.Th>
            <Table.Th>State</Table.Th>
            <Table.Th>Changed</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map((each) => (
            <Table.Tr key={each.id}>
              <Table.Td>
                <AnchorLink size="sm" to="/results/$id" params={{ id: String(each.id) }}>
                  result {each.id}
                </AnchorLink>
              </Table.Td>
              <Table.Td>
                <AnchorLink size="sm" to="/models/$id" params={{ id: String(each.model) }}>
                  {each.model_name}
                </AnchorLink>
              </Table.Td>
              <Table.Td>
                <AnchorLink size="sm" to="/training/$id" params={{ id: String(each.deployment) }}>
                  deployment {each.deployment}
                </AnchorLink>
              </Table.Td>
              <Table.Td>
                <StatusBadge state={each.state} />
              </Table.Td>
              <Table.Td>
                <Age at={each.updated_at} size="sm" />
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </ScrollTable>
      {count > rows.length && (
        <Text size="xs" c="dimmed">
          The newest {rows.length} of {count}.
        </Text>
      )}
    </>
  )
}

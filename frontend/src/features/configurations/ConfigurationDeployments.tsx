/** What was deployed from a configuration, newest first. */
import { Group, Stack, Table, Text } from '@mantine/core'
import type { UseQueryResult } from '@tanstack/react-query'
import { Age } from '~/components/Age'
import { AnchorLink, ButtonLink } from '~/components/ButtonLink'
import { EmptyState } from '~/components/EmptyState'
import { ProblemAlert } from '~/components/ProblemAlert'
import { ScrollTable } from '~/components/ScrollTable'
import { StatusBadge } from '~/components/StatusBadge'
import type { Configuration, PaginatedDeploymentList } from '~/lib/api'
import { plural } from '~/lib/format'
import { useSession } from '~/lib/session'

export function ConfigurationDeployments({
  configuration,
  deployments,
}: {
  configuration: Configuration
  deployments: UseQueryResult<PaginatedDeploymentList, unknown>
}) {
  const { can } = useSession()
  const rows = deployments.data?.results ?? []
  if (deployments.data?.count === 0) {
    return (
      <EmptyState
        title="Not deployed yet"
        action={
          can('editor') && (
            <ButtonLink to="/training/new" search={{ configuration: configuration.id }}>
              Deploy for training
            </ButtonLink>
          )
        }
        command={`kafka-ml deployments create ${configuration.id} --batch-size 32`}
      >
        A deployment makes one training run per model, which waits for a stream of data and then trains.
      </EmptyState>
    )
  }
  return (
    <Stack gap="xs">
      <ProblemAlert error={deployments.error} />
      <ScrollTable label="Deployments of this configuration" minWidth={560} highlightOnHover>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Deployment</Table.Th>
            <Table.Th>State</Table.Th>
            <Table.Th>Results</Table.Th>
            <Table.Th ta="right">Batch size</Table.Th>
            <Table.Th ta="right">Seed</Table.Th>
            <Table.Th>Made</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map((row) => (
            <Table.Tr key={row.id}>
              <Table.Td>
                <AnchorLink size="sm" to="/training/$id" params={{ id: String(row.id) }}>
                  Deployment {row.id}
                </AnchorLink>
              </Table.Td>
              <Table.Td>
                <StatusBadge state={row.state} />
              </Table.Td>
              <Table.Td>
                <Group gap="xs">
                  {row.results.slice(0, 4).map((each) => (
                    <AnchorLink key={each.id} size="sm" to="/results/$id" params={{ id: String(each.id) }}>
                      {each.model_name}
                    </AnchorLink>
                  ))}
                  {row.results.length > 4 && <Text size="sm">and {row.results.length - 4} more</Text>}
                </Group>
              </Table.Td>
              <Table.Td ta="right">{row.batch_size}</Table.Td>
              <Table.Td ta="right">{row.seed}</Table.Td>
              <Table.Td>
                <Age at={row.created_at} size="sm" />
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </ScrollTable>
      {(deployments.data?.count ?? 0) > rows.length && (
        <Text size="xs" c="dimmed">
          The newest {rows.length} of {plural(deployments.data?.count ?? 0, 'deployment')}
        </Text>
      )}
    </Stack>
  )
}

/** The reasons why records could not be answered, each with its count, the time since when, and an example. */
import { Skeleton, Stack, Table, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Fragment, useState } from 'react'
import { Age } from '~/components/Age'
import { SmallPrint } from '~/components/Dimmed'
import { ProblemAlert } from '~/components/ProblemAlert'
import { ScrollTable } from '~/components/ScrollTable'
import { type Inference, inferencesDeadLettersGroupsRetrieve, type LetterGroup } from '~/lib/api'
import { formatExact, NONE } from '~/lib/format'
import { RawRecord, RecordButton, reasonText, stageText } from './LetterRow'

export function LetterGroups({ inference }: { inference: Inference }) {
  const query = useQuery({
    // The key holds the number of dead letters, so that only a report of new ones reads the groups again.
    queryKey: ['dead-letter-groups', inference.id, inference.stats.dead_lettered],
    queryFn: async ({ signal }) =>
      (await inferencesDeadLettersGroupsRetrieve({ path: { id: String(inference.id) }, signal, throwOnError: true }))
        .data,
    placeholderData: (before) => before,
    retry: 1,
  })
  const [opened, setOpened] = useState<string | null>(null)
  const found = query.data
  if (query.isError && !found) {
    return (
      <ProblemAlert error={query.error} title="The reasons could not be loaded" onRetry={() => void query.refetch()} />
    )
  }
  if (!found) return <Skeleton height={120} role="status" aria-label="Loading" />
  if (found.groups.length === 0) return null
  return (
    <Stack gap="xs" component="section">
      <Title order={2}>Reasons</Title>
      <ScrollTable label="Reasons" minWidth={640} cards>
        <Table.Thead>
          <Table.Tr>
            <Table.Th ta="right">Records</Table.Th>
            <Table.Th>Reason</Table.Th>
            <Table.Th>First</Table.Th>
            <Table.Th>Last</Table.Th>
            <Table.Th>Newest</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {found.groups.map((group) => {
            const key = keyOf(group)
            return (
              <Fragment key={key}>
                <GroupRow
                  group={group}
                  opened={opened === key}
                  onToggle={() => setOpened(opened === key ? null : key)}
                />
                {opened === key && (
                  <Table.Tr>
                    <Table.Td colSpan={5}>
                      <RawRecord letter={group.sample} inference={inference} />
                    </Table.Td>
                  </Table.Tr>
                )}
              </Fragment>
            )
          })}
        </Table.Tbody>
      </ScrollTable>
      <SmallPrint>
        {found.complete
          ? `All ${formatExact(found.letters)} dead letters of this inference that the topic keeps.`
          : `The newest ${formatExact(found.letters)} dead letters of this inference.`}
        {found.rest > 0 && ` ${formatExact(found.rest)} have rarer reasons.`} Reasons that differ only in values are
        grouped.
      </SmallPrint>
    </Stack>
  )
}

function keyOf({ reason, sample }: LetterGroup): string {
  return `${reason.stage} ${reason.error} ${sample.record.partition}@${sample.record.offset}`
}

function GroupRow({ group, opened, onToggle }: { group: LetterGroup; opened: boolean; onToggle: () => void }) {
  const { sample, first_at, last_at } = group
  return (
    <Table.Tr>
      <Table.Td data-title="Records" ta="right" fw={600} c="var(--kml-failed)">
        {formatExact(group.count)}
      </Table.Td>
      <Table.Td maw={520}>
        <Text size="sm" fw={500}>
          {stageText(group.reason)}
        </Text>
        <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
          {reasonText(group.reason)}
        </Text>
      </Table.Td>
      <Table.Td data-title="First" style={{ whiteSpace: 'nowrap' }}>
        {first_at ? <Age at={first_at} size="sm" /> : NONE}
      </Table.Td>
      <Table.Td data-title="Last" style={{ whiteSpace: 'nowrap' }}>
        {last_at ? <Age at={last_at} size="sm" /> : NONE}
      </Table.Td>
      <Table.Td>
        <RecordButton letter={sample} opened={opened} onToggle={onToggle} />
      </Table.Td>
    </Table.Tr>
  )
}

/** The tries of this session: look again, send again. */
import { Button, Group, Stack, Table, Text, Title, VisuallyHidden } from '@mantine/core'
import { Age } from '~/components/Age'
import { imageLayout, SampleView } from '~/components/SampleView'
import { ScrollTable } from '~/components/ScrollTable'
import { formatMilliseconds } from '~/lib/format'
import { readAnswer, shortAnswer } from './answers'
import type { TryEntry } from './tries'

export function TryHistory({
  tries,
  shown,
  busy,
  onShow,
  onRepeat,
}: {
  tries: readonly TryEntry[]
  shown: number | null
  busy: boolean
  onShow: (number: number) => void
  onRepeat: (entry: TryEntry) => void
}) {
  return (
    <Stack gap="xs">
      <Title order={2}>Tries of this session</Title>
      <ScrollTable label="Tries of this session" minWidth={520} verticalSpacing={4}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th w={48}>No.</Table.Th>
            <Table.Th>Sample</Table.Th>
            <Table.Th>Answer</Table.Th>
            <Table.Th ta="right">Time</Table.Th>
            <Table.Th>When</Table.Th>
            <Table.Th>
              <VisuallyHidden>Actions</VisuallyHidden>
            </Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {tries.map((each) => (
            <Table.Tr
              key={each.number}
              {...(each.number === shown ? { bg: 'var(--mantine-color-default-hover)' } : {})}
            >
              <Table.Td>{each.number}</Table.Td>
              <Table.Td>
                {each.shown && imageLayout(each.shown.shape) ? (
                  <SampleView sample={each.shown} size={32} label={`Sample of try ${each.number}`} />
                ) : (
                  <Text size="xs" ff="monospace" maw={260} truncate>
                    {JSON.stringify(each.sample).slice(0, 80)}
                  </Text>
                )}
              </Table.Td>
              <Table.Td>{outcomeOf(each)}</Table.Td>
              <Table.Td ta="right">{each.answer ? formatMilliseconds(each.answer.seconds * 1000) : '–'}</Table.Td>
              <Table.Td>
                <Age at={each.at.toISOString()} size="sm" />
              </Table.Td>
              <Table.Td>
                <Group gap={4} justify="flex-end" wrap="nowrap">
                  <Button
                    size="compact-xs"
                    variant="default"
                    aria-label={`Show try ${each.number}`}
                    onClick={() => onShow(each.number)}
                  >
                    Show
                  </Button>
                  <Button
                    size="compact-xs"
                    variant="default"
                    disabled={busy}
                    aria-label={`Send again the sample of try ${each.number}`}
                    onClick={() => onRepeat(each)}
                  >
                    Send again
                  </Button>
                </Group>
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </ScrollTable>
    </Stack>
  )
}

function outcomeOf({ answer, problem }: TryEntry): string {
  if (problem) return `refused: ${problem.message.slice(0, 80)}`
  switch (answer?.outcome) {
    case 'answered':
      return shortAnswer(readAnswer(answer.values, answer.labels))
    case 'passed_on':
      return `handed on: ${shortAnswer(readAnswer(answer.values, answer.labels))}`
    case 'dead_lettered':
      return 'dead letter'
    default:
      return 'no answer in time'
  }
}

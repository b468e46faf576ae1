/** The tries of this session, to view or send again. */
import { Button, Group, Stack, Text, Title, VisuallyHidden } from '@mantine/core'
import { Age } from '~/components/Age'
import { RowTable } from '~/components/RowTable'
import { imageLayout, SampleView } from '~/components/SampleView'
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
      <Title order={2}>Earlier attempts in this session</Title>
      <RowTable
        label="Earlier attempts in this session"
        minWidth={520}
        verticalSpacing={4}
        rows={tries}
        rowKey={(entry) => entry.number}
        rowProps={(entry) => (entry.number === shown ? { bg: 'var(--mantine-color-default-hover)' } : {})}
        columns={[
          { title: 'No.', w: 48, cell: (entry) => entry.number },
          {
            title: 'Sample',
            cell: (entry) =>
              entry.shown && imageLayout(entry.shown.shape) ? (
                <SampleView sample={entry.shown} size={32} label={`Sample of attempt ${entry.number}`} />
              ) : (
                <Text size="xs" ff="monospace" maw={260} truncate>
                  {JSON.stringify(entry.sample).slice(0, 80)}
                </Text>
              ),
          },
          { title: 'Answer', cell: (entry) => outcomeOf(entry) },
          {
            title: 'Time',
            right: true,
            cell: (entry) => (entry.answer ? formatMilliseconds(entry.answer.seconds * 1000) : '–'),
          },
          { title: 'When', cell: (entry) => <Age at={entry.at.toISOString()} size="sm" /> },
          {
            title: <VisuallyHidden>Actions</VisuallyHidden>,
            cell: (entry) => (
              <Group gap={4} justify="flex-end" wrap="nowrap">
                <Button
                  size="compact-xs"
                  variant="default"
                  aria-label={`Show attempt ${entry.number}`}
                  onClick={() => onShow(entry.number)}
                >
                  Show
                </Button>
                <Button
                  size="compact-xs"
                  variant="default"
                  disabled={busy}
                  aria-label={`Send the sample of attempt ${entry.number} again`}
                  onClick={() => onRepeat(entry)}
                >
                  Send again
                </Button>
              </Group>
            ),
          },
        ]}
      />
    </Stack>
  )
}

function outcomeOf({ answer, problem }: TryEntry): string {
  if (problem) return `refused: ${problem.message.slice(0, 80)}`
  switch (answer?.outcome) {
    case 'answered':
      return `${shortAnswer(readAnswer(answer.values, answer.labels))}${answer.tier && `, at ${answer.tier}`}`
    case 'passed_on':
      return `handed on: ${shortAnswer(readAnswer(answer.values, answer.labels))}`
    case 'dead_lettered':
      return 'dead letter'
    default:
      return 'no prediction in time'
  }
}

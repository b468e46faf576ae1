/** Dead letters: the records that could not be answered, where they came from, and why. They can be sent back. */
import { Button, Checkbox, Code, Group, Modal, Skeleton, Stack, Table, Text, Title } from '@mantine/core'
import { IconArrowBackUp } from '@tabler/icons-react'
import { useMutation, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { TopicLink } from '~/components/ButtonLink'
import { CopyAs } from '~/components/CopyAs'
import { Dimmed } from '~/components/Dimmed'
import { EmptyState } from '~/components/EmptyState'
import { ProblemAlert } from '~/components/ProblemAlert'
import { ScrollTable } from '~/components/ScrollTable'
import {
  type DeadLetter,
  type Inference,
  inferencesDeadLettersReplayCreateMutation,
  inferencesDeadLettersRetrieve,
  type Replay,
} from '~/lib/api'
import { curlCall, pythonCall } from '~/lib/equivalents'
import { plural } from '~/lib/format'
import { notifyDone } from '~/lib/notify'
import { useSession } from '~/lib/session'
import { LetterGroups } from './LetterGroups'
import { LetterRow, letterKey } from './LetterRow'

export function DeadLettersTab({
  inference,
  before,
  onBefore,
}: {
  inference: Inference
  before: string | undefined
  onBefore: (before: string | undefined) => void
}) {
  const { can } = useSession()
  const editor = can('editor')
  const path = { id: String(inference.id) }
  const query = useQuery({
    queryKey: ['dead-letters', inference.id, before ?? '', inference.stats.dead_lettered],
    // The key holds the number of dead letters, so that only a report of new ones reads the list again.
    queryFn: async ({ signal }) =>
      (await inferencesDeadLettersRetrieve({ path, query: { before }, signal, throwOnError: true })).data,
    retry: 1,
  })
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set())
  const [asking, setAsking] = useState(false)
  const [done, setDone] = useState<Replay | null>(null)
  const replay = useMutation({
    ...inferencesDeadLettersReplayCreateMutation(),
    onSuccess: (answer) => {
      setDone(answer)
      setAsking(false)
      setChosen(new Set())
      notifyDone(`${plural(answer.replayed, 'record')} sent back to ${answer.input_topic}`)
      void query.refetch()
    },
  })
  const letters = query.data?.letters ?? []
  const sendable = letters.filter((letter) => letter.cut_from_bytes === null)
  const selected = letters.filter((letter) => chosen.has(letterKey(letter)))
  const toggle = (letter: DeadLetter) => {
    const next = new Set(chosen)
    if (!next.delete(letterKey(letter))) next.add(letterKey(letter))
    setChosen(next)
  }
  if (query.isPending) return <Skeleton height={200} />
  if (query.isError && !query.data) {
    return (
      <ProblemAlert error={query.error} title="The dead letters cannot be read" onRetry={() => void query.refetch()} />
    )
  }
  if (letters.length === 0 && !before) {
    return (
      <EmptyState title="No dead letters" command={`kafka-ml inferences dead-letters ${inference.id}`}>
        Records that cannot be read, predicted or published are kept in{' '}
        {inference.output_bootstrap_servers ? (
          query.data.topic
        ) : (
          <TopicLink name={query.data.topic} inherit underline="always" />
        )}{' '}
        with the reason, and the stream continues. There are none.
      </EmptyState>
    )
  }
  return (
    <Stack gap="sm">
      <LetterGroups inference={inference} />
      <Title order={2}>One by one</Title>
      <Group justify="space-between" gap="xs">
        <Group gap="xs">
          {editor && (
            <>
              <Button
                size="xs"
                leftSection={<IconArrowBackUp size={14} aria-hidden />}
                disabled={selected.length === 0}
                loading={replay.isPending && !asking}
                onClick={() =>
                  replay.mutate({
                    path,
                    body: {
                      positions: selected.map(({ record }) => ({ partition: record.partition, offset: record.offset })),
                    },
                  })
                }
              >
                {selected.length > 0 ? `Send ${selected.length} back` : 'Send back'}
              </Button>
              <Button size="xs" variant="default" onClick={() => setAsking(true)}>
                Send all back…
              </Button>
            </>
          )}
          <Dimmed>
            {before ? 'older ones' : 'newest first'}
            {query.data.timed_out ? '; reading stopped at the time limit' : ''}
          </Dimmed>
        </Group>
        <CopyAs equivalents={equivalentsOf(inference.id)} />
      </Group>
      <ProblemAlert error={asking ? null : replay.error} title="The dead letters were not sent back" />
      {done && (
        <Text size="sm" role="status">
          {replayed(done)}
        </Text>
      )}
      <ScrollTable label="Dead letters" minWidth={760} cards>
        <Table.Thead>
          <Table.Tr>
            {editor && (
              <Table.Th w={36}>
                <Checkbox
                  size="xs"
                  aria-label="Select all on this page"
                  checked={sendable.length > 0 && selected.length === sendable.length}
                  indeterminate={selected.length > 0 && selected.length < sendable.length}
                  onChange={(event) => setChosen(new Set(event.currentTarget.checked ? sendable.map(letterKey) : []))}
                />
              </Table.Th>
            )}
            <Table.Th>Position</Table.Th>
            <Table.Th>Reason</Table.Th>
            <Table.Th>Source record</Table.Th>
            <Table.Th ta="right">Size</Table.Th>
            <Table.Th>Record's time</Table.Th>
            <Table.Th>Record</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {letters.map((letter) => (
            <LetterRow
              key={letterKey(letter)}
              letter={letter}
              inference={inference}
              selectable={editor}
              selected={chosen.has(letterKey(letter))}
              onToggle={() => toggle(letter)}
            />
          ))}
        </Table.Tbody>
      </ScrollTable>
      <Group gap="xs">
        {before && (
          <Button size="xs" variant="default" onClick={() => onBefore(undefined)}>
            Newest
          </Button>
        )}
        {query.data.before && (
          <Button size="xs" variant="default" onClick={() => onBefore(query.data.before ?? undefined)}>
            Older
          </Button>
        )}
      </Group>
      <Modal opened={asking} onClose={() => setAsking(false)} title="Send all dead letters back?" centered>
        <Stack>
          <Text size="sm">
            All dead letters of inference {inference.id} (at most 10,000 at once) are written again to{' '}
            <Code>{inference.input_topic}</Code>, with their key, value and headers. Every reader of that topic sees
            them. Records that fail again become dead letters again; nothing is deleted.
          </Text>
          <ProblemAlert error={replay.error} />
          <Group justify="flex-end">
            <Button variant="default" onClick={() => setAsking(false)}>
              Cancel
            </Button>
            <Button loading={replay.isPending} onClick={() => replay.mutate({ path, body: { all: true } })}>
              Send all back
            </Button>
          </Group>
        </Stack>
      </Modal>
    </Stack>
  )
}

/** Says how many records were sent back and how many were left out. */
function replayed({ replayed, cut, superseded, more, input_topic }: Replay): string {
  const parts = [`${plural(replayed, 'record')} sent back to ${input_topic}.`]
  if (superseded > 0) parts.push(`${superseded} skipped: they had been sent back before and failed again.`)
  if (cut > 0) parts.push(`${cut} skipped: only the beginning of their value was kept.`)
  if (more) parts.push('There are more: press Send all back again.')
  return parts.join(' ')
}

function equivalentsOf(inference: number) {
  return {
    cli: `kafka-ml inferences dead-letters ${inference}\nkafka-ml inferences dead-letters ${inference} --replay`,
    python: pythonCall('client.inferences.replay_dead_letters', { identifier: inference }),
    curl: curlCall('POST', `/api/inferences/${inference}/dead_letters/replay/`, { all: true }),
  }
}

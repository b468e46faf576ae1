/**
 * The newest record of the chosen input topic, and whether the chosen model can answer it. Shown before anything
 * starts.
 */
import { Alert, Button, Code, Group, Loader, Stack, Text } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { Age } from '~/components/Age'
import { Dimmed } from '~/components/Dimmed'
import { SampleView } from '~/components/SampleView'
import { type InputCheck, type InputCheckWriteRequest, inferencesCheckCreate, type TopicRecord } from '~/lib/api'
import { problemOf } from '~/lib/problem'

const TYPING_STOPPED_MS = 400

/** ``asked`` is null until enough is chosen to check a record. */
export function NewestRecord({ asked }: { asked: InputCheckWriteRequest | null }) {
  const [body] = useDebouncedValue(asked, TYPING_STOPPED_MS)
  const check = useQuery({
    queryKey: ['inferences', 'check', body],
    queryFn: async ({ signal }) => {
      const { data } = await inferencesCheckCreate({ body: body as InputCheckWriteRequest, signal, throwOnError: true })
      return data
    },
    enabled: body !== null,
    placeholderData: keepPreviousData,
    retry: false,
    staleTime: 0,
  })
  if (asked === null || body === null) return null
  const refused = check.error ? problemOf(check.error) : null
  const found = check.data
  return (
    <Stack gap={6} role="status" aria-label="The newest record of the input topic" aria-busy={check.isFetching}>
      <Group gap="xs" mih={24}>
        {refused ? (
          <Dimmed>
            It is not known whether the model can read {asked.input_topic}:{' '}
            {refused.fields[0]?.detail ?? refused.message}
          </Dimmed>
        ) : found ? (
          <Headline found={found} />
        ) : (
          <Dimmed>Looking at {asked.input_topic} …</Dimmed>
        )}
        {check.isFetching && found ? (
          <Loader size={14} />
        ) : (
          <Button size="compact-xs" variant="default" onClick={() => void check.refetch()}>
            Look again
          </Button>
        )}
      </Group>
      {found && !refused && <Found found={found} />}
    </Stack>
  )
}

function Headline({ found: { topic, record, verdict } }: { found: InputCheck }) {
  if (record === null) {
    const there = verdict === 'empty' ? 'has no records yet' : 'does not exist yet'
    return (
      <Dimmed>
        {topic} {there}, so there is nothing to check.
      </Dimmed>
    )
  }
  return (
    <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
      The newest record of {topic} (partition {record.partition}, offset {record.offset}
      {record.timestamp && (
        <>
          , <Age at={record.timestamp} size="sm" />
        </>
      )}
      ):
    </Text>
  )
}

function Found({ found: { record, verdict, reason } }: { found: InputCheck }) {
  if (record === null) return null
  return (
    <>
      <Value record={record} />
      {reason ? (
        <Alert color="red" py={8} title="This model cannot read it">
          <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
            Reason: {reason.message}. It would become a dead letter.
          </Text>
          {reason.hint && (
            <Text size="sm" mt={4} style={{ overflowWrap: 'anywhere' }}>
              What to do: {reason.hint}.
            </Text>
          )}
        </Alert>
      ) : (
        <Text size="sm" style={{ color: 'var(--kml-good)' }}>
          {verdict === 'waits'
            ? '✓ This model reads it. A sample takes several records of a key, so answers come with later ones.'
            : '✓ This model can read it.'}
        </Text>
      )}
    </>
  )
}

function Value({ record: { value, decoded } }: { record: TopicRecord }) {
  if (value === null) return <Dimmed>It has no value: a tombstone.</Dimmed>
  if (decoded.sample && decoded.text === null) return <SampleView sample={decoded.sample} label="Value" />
  return (
    <Code
      block
      tabIndex={0}
      aria-label="Value"
      style={{ maxHeight: 132, overflow: 'auto', whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}
    >
      {decoded.text}
    </Code>
  )
}

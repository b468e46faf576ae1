/**
 * External workers of an inference: the command to type on their machine, and the tokens that admit them. For editors.
 */
import { Alert, Code, Group, Stack, Text } from '@mantine/core'
import { useForm } from '@mantine/form'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { ConfirmDelete } from '~/components/ConfirmDelete'
import { CopyButton } from '~/components/CopyButton'
import { SmallPrint } from '~/components/Dimmed'
import { FieldButton } from '~/components/FieldButton'
import { LimitedInput } from '~/components/LimitedInput'
import { NumberField } from '~/components/NumberField'
import { ProblemAlert } from '~/components/ProblemAlert'
import { Section } from '~/components/Section'
import { TokenTable } from '~/components/TokenTable'
import {
  type Inference,
  inferencesWorkerTokensCreateMutation,
  inferencesWorkerTokensDestroy,
  inferencesWorkerTokensListOptions,
  inferencesWorkerTokensListQueryKey,
  type NewWorkerToken,
  type WorkerToken,
} from '~/lib/api'
import { titleOf, useFrameworks } from '~/lib/frameworks'
import { notifyDone } from '~/lib/notify'
import { problemOf } from '~/lib/problem'

export function WorkersSection({ inference }: { inference: Inference }) {
  const queryClient = useQueryClient()
  const path = { id: String(inference.id) }
  const query = { limit: 200 }
  const tokens = useQuery(inferencesWorkerTokensListOptions({ path, query }))
  const [made, setMade] = useState<NewWorkerToken | null>(null)
  const [revoking, setRevoking] = useState<WorkerToken | null>(null)
  const read = () => queryClient.invalidateQueries({ queryKey: inferencesWorkerTokensListQueryKey({ path, query }) })
  const form = useForm({ initialValues: { name: '', days: 365 } })
  const create = useMutation({
    ...inferencesWorkerTokensCreateMutation(),
    onSuccess: (token) => {
      setMade(token)
      form.reset()
      void read()
    },
    onError: (error) => form.setErrors(problemOf(error).byField()),
  })
  const rows = tokens.data?.results ?? []
  return (
    <Section title="External workers">
      <Stack gap="sm">
        <Text size="sm" c="dimmed" maw={680}>
          {inference.replicas === 0 ? 'The platform itself runs no replica. ' : 'Besides its replicas, '}
          {inference.replicas === 0 ? 'Any' : 'any'} machine with Python or Docker that reaches the platform and Kafka
          can serve it, for example at the edge, with a token and one command.
        </Text>
        <form onSubmit={form.onSubmit((values) => create.mutate({ path, body: values }))}>
          <Group align="flex-start" gap="sm">
            <LimitedInput
              size="xs"
              label="Purpose of the token"
              placeholder="gate 3"
              required
              limit={100}
              {...form.getInputProps('name')}
            />
            <NumberField
              size="xs"
              w={110}
              label="Valid for (days)"
              min={1}
              max={3660}
              {...form.getInputProps('days')}
            />
            <FieldButton loading={create.isPending}>Show the command</FieldButton>
          </Group>
        </form>
        <ProblemAlert error={create.error} />
        {made && <Commands made={made} onClose={() => setMade(null)} />}
        <ProblemAlert error={tokens.error} onRetry={() => void tokens.refetch()} />
        {rows.length > 0 && (
          <TokenTable
            label="Worker tokens"
            title="Token"
            rows={rows}
            columns={[
              { title: 'Workers', right: true, cell: (token) => token.workers },
              { title: 'Created by', cell: (token) => token.created_by },
            ]}
            onRevoke={setRevoking}
          />
        )}
      </Stack>
      <ConfirmDelete
        opened={revoking !== null}
        onClose={() => setRevoking(null)}
        what="worker token"
        name={revoking?.name ?? ''}
        losses={['Workers that joined with it stop within seconds', 'No machine can join with it any more']}
        onDelete={async () => {
          if (revoking === null) return
          await inferencesWorkerTokensDestroy({
            path: { id: String(inference.id), number: String(revoking.id) },
            throwOnError: true,
          })
          await read()
          notifyDone(`Token ${revoking.name} revoked`)
        }}
      />
    </Section>
  )
}

function Commands({ made, onClose }: { made: NewWorkerToken; onClose: () => void }) {
  const { commands } = made
  const frameworks = useFrameworks()
  return (
    <Alert
      role="status"
      color="teal"
      title={`Token ${made.name}: copy the command now, it will not be shown again`}
      withCloseButton
      closeButtonLabel="Hide the commands"
      onClose={onClose}
    >
      <Stack gap="sm">
        <Text size="sm">
          {commands.runtime === 'onnx'
            ? 'It was converted to ONNX: the machine needs no machine learning framework.'
            : `It was not converted to ONNX: the machine needs ${titleOf(frameworks, commands.runtime)}.`}
        </Text>
        {commands.notes.map((note) => (
          <Text key={note} size="sm" style={{ color: 'var(--kml-waiting)' }}>
            {note}.
          </Text>
        ))}
        <Command title="With Python" text={commands.python} before={commands.install} />
        <Command title="With Docker" text={commands.docker} before={commands.build} />
        <SmallPrint>
          Each machine is one worker, named after its host; KML_WORKER_NAME or --name sets another name. Other users of
          the machine can see command-line options: KML_WORKER_TOKEN or --token-file hides the token from them.
        </SmallPrint>
      </Stack>
    </Alert>
  )
}

function Command({ title, text, before }: { title: string; text: string; before: string }) {
  return (
    <Stack gap={4}>
      <Group gap="xs">
        <Text size="sm" fw={500}>
          {title}
        </Text>
        <CopyButton text={text} label="Copy" />
      </Group>
      <Code block tabIndex={0} aria-label={title} style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>
        {text}
      </Code>
      <SmallPrint>
        First, once, in a checkout of Kafka-ML: <Code>{before}</Code>
      </SmallPrint>
    </Stack>
  )
}

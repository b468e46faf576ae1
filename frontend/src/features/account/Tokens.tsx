/** The user's own access tokens: they are made here, shown once, and revoked here. */
import { Alert, Code, Group, Select, Stack, Text } from '@mantine/core'
import { useForm } from '@mantine/form'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { ConfirmDelete } from '~/components/ConfirmDelete'
import { CopyButton } from '~/components/CopyButton'
import { Dimmed } from '~/components/Dimmed'
import { FieldButton } from '~/components/FieldButton'
import { LimitedInput } from '~/components/LimitedInput'
import { NumberField } from '~/components/NumberField'
import { ProblemAlert } from '~/components/ProblemAlert'
import { TokenTable } from '~/components/TokenTable'
import {
  type NewToken,
  type RoleEnum,
  type Token,
  tokensCreateMutation,
  tokensDestroy,
  tokensListOptions,
  tokensListQueryKey,
} from '~/lib/api'
import { notifyDone } from '~/lib/notify'
import { problemOf } from '~/lib/problem'
import { useSession } from '~/lib/session'

const ROLES: RoleEnum[] = ['viewer', 'editor', 'admin']

export function Tokens() {
  const { user, can } = useSession()
  const queryClient = useQueryClient()
  const tokens = useQuery(tokensListOptions({ query: { limit: 200 } }))
  const [made, setMade] = useState<NewToken | null>(null)
  const [revoking, setRevoking] = useState<Token | null>(null)
  const read = () => queryClient.invalidateQueries({ queryKey: tokensListQueryKey({ query: { limit: 200 } }) })
  const form = useForm({
    initialValues: { name: '', role: (user.role === 'viewer' ? 'viewer' : 'editor') as RoleEnum, days: 30 },
  })
  const create = useMutation({
    ...tokensCreateMutation(),
    onSuccess: (token) => {
      setMade(token)
      form.reset()
      void read()
    },
    onError: (error) => form.setErrors(problemOf(error).byField()),
  })
  // The API lists everybody's tokens for admins; this page shows only the user's own.
  const own = (tokens.data?.results ?? []).filter((token) => token.username === user.username)
  return (
    <Stack gap="sm">
      <Text size="sm" c="dimmed" maw={640}>
        For scripts, the SDK and curl: put a token in KML_TOKEN. The command line on the platform's own machine needs
        none.
      </Text>
      <form onSubmit={form.onSubmit((body) => create.mutate({ body }))}>
        <Group align="flex-start" gap="sm">
          <LimitedInput
            size="xs"
            label="Name"
            placeholder="nightly retraining"
            required
            limit={100}
            {...form.getInputProps('name')}
          />
          <Select size="xs" w={120} label="Role" data={ROLES.filter(can)} {...form.getInputProps('role')} />
          <NumberField size="xs" w={110} label="Valid for (days)" min={1} max={366} {...form.getInputProps('days')} />
          <FieldButton loading={create.isPending}>Create token</FieldButton>
        </Group>
      </form>
      <ProblemAlert error={create.error} />
      {made && (
        <Alert
          role="status"
          color="teal"
          title={`Token ${made.name}: copy it now, it will not be shown again`}
          withCloseButton
          closeButtonLabel="Close"
          onClose={() => setMade(null)}
        >
          <Group gap="xs">
            <Code style={{ overflowWrap: 'anywhere' }}>{made.token}</Code>
            <CopyButton text={made.token} label="Copy" />
            <CopyButton text={`export KML_TOKEN=${made.token}`} label="Copy as export" />
          </Group>
        </Alert>
      )}
      <ProblemAlert error={tokens.error} onRetry={() => void tokens.refetch()} />
      {tokens.data && own.length === 0 && <Dimmed>You have no access tokens.</Dimmed>}
      {own.length > 0 && (
        <TokenTable
          label="Tokens"
          title="Name"
          rows={own}
          columns={[{ title: 'Role', cell: (token) => token.role }]}
          onRevoke={setRevoking}
        />
      )}
      <ConfirmDelete
        opened={revoking !== null}
        onClose={() => setRevoking(null)}
        what="token"
        name={revoking?.name ?? ''}
        losses={['Scripts that use it will be refused']}
        onDelete={async () => {
          if (revoking === null) return
          await tokensDestroy({ path: { id: String(revoking.id) }, throwOnError: true })
          await read()
          notifyDone(`Token ${revoking.name} revoked`)
        }}
      />
    </Stack>
  )
}

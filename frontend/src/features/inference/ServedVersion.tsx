/**
 * The version that an inference serves: switch to another, back, or follow the result; with what replicas report of it.
 */
import { Button, Group, Select, Stack, Text, Title } from '@mantine/core'
import { useForm } from '@mantine/form'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { Age } from '~/components/Age'
import { ButtonLink, ResultLink } from '~/components/ButtonLink'
import { Dimmed, SmallPrint } from '~/components/Dimmed'
import { FailureAlert } from '~/components/FailureAlert'
import { FormDialog } from '~/components/FormDialog'
import { ProblemAlert } from '~/components/ProblemAlert'
import { RowTable } from '~/components/RowTable'
import {
  type Inference,
  inferencesFollowCreateMutation,
  inferencesRetrieveOptions,
  inferencesRollbackCreateMutation,
  inferencesSwapCreate,
  inferencesSwapsListOptions,
  type SwapRecord,
} from '~/lib/api'
import { formatMilliseconds, formatPercent, formatSeconds } from '~/lib/format'
import { useSession } from '~/lib/session'
import { goingOver } from './serving'
import { useOtherVersions } from './useOtherVersions'

export function ServedVersion({ inference }: { inference: Inference }) {
  const { can } = useSession()
  const queryClient = useQueryClient()
  const [swapping, setSwapping] = useState(false)
  const path = { id: String(inference.id) }
  const refresh = () => queryClient.invalidateQueries(inferencesRetrieveOptions({ path }))
  const rollback = useMutation({ ...inferencesRollbackCreateMutation(), onSuccess: refresh })
  const follow = useMutation({ ...inferencesFollowCreateMutation(), onSuccess: refresh })
  const waiting = goingOver(inference)
  const { version, current_version: current, previous_version: previous, shadow_of: shadowed } = inference
  return (
    <Stack gap="xs" component="section">
      <Title order={2}>Version</Title>
      <Text size="sm">
        <b>Version {version}</b> of <ResultLink id={inference.result}>result {inference.result}</ResultLink>.{' '}
        {shadowed !== null
          ? 'A shadow only compares; it does not change what is served.'
          : inference.follows
            ? 'It follows the result: the current version is served.'
            : `It stays at this version${version === current ? '' : `; version ${current} is current`}.`}
      </Text>
      {inference.challenger !== null && (
        <Group gap="xs">
          <Text size="sm">
            <b>Version {inference.challenger.version}</b>{' '}
            {shadowed === null
              ? `answers ${formatPercent(inference.challenger.share)} of the keys.`
              : 'answers every record next to it.'}
          </Text>
          <ButtonLink variant="default" to="/inference/$id" params={path} search={{ tab: 'compare' }}>
            Compare them
          </ButtonLink>
        </Group>
      )}
      {waiting !== '' && (
        <Text size="sm" role="status" style={{ color: 'var(--kml-running)' }}>
          {waiting}
        </Text>
      )}
      {inference.swap_failure && (
        <Text size="sm">
          Version {inference.swap_failure.version} was requested but cannot be served: version {version} stays in
          service.
        </Text>
      )}
      {inference.swap_failure && (
        <FailureAlert failure={inference.swap_failure.failure} serves={inference.state === 'running'} />
      )}
      <ProblemAlert error={rollback.error ?? follow.error} />
      {can('editor') && shadowed === null && (
        <Group gap="xs">
          <Button size="xs" variant="default" onClick={() => setSwapping(true)}>
            Serve another version…
          </Button>
          {previous !== null && (
            <Button
              size="xs"
              variant="default"
              loading={rollback.isPending}
              title="Instant for ten minutes, while replicas keep it loaded"
              onClick={() => rollback.mutate({ path })}
            >
              Roll back to version {previous}
            </Button>
          )}
          {!inference.follows && (
            <Button size="xs" variant="default" loading={follow.isPending} onClick={() => follow.mutate({ path })}>
              Follow the current version
            </Button>
          )}
        </Group>
      )}
      {swapping && <SwapDialog inference={inference} onClose={() => setSwapping(false)} onDone={refresh} />}
      <Swaps inference={inference} />
    </Stack>
  )
}

function SwapDialog({ inference, onClose, onDone }: { inference: Inference; onClose: () => void; onDone: () => void }) {
  const { choices, placeholder, query } = useOtherVersions(inference)
  const form = useForm<{ version: string | null }>({ initialValues: { version: null } })
  return (
    <FormDialog
      title="Serve another version"
      submit="Serve"
      form={form}
      onClose={onClose}
      onDone={onDone}
      onSave={async ({ version }) => {
        await inferencesSwapCreate({
          path: { id: String(inference.id) },
          body: { version: Number(version) },
          throwOnError: true,
        })
        return `Inference ${inference.id} switches to version ${version}`
      }}
    >
      <ProblemAlert error={query.error} onRetry={() => void query.refetch()} />
      <Select
        label="Version"
        description={`Instead of version ${inference.version}`}
        placeholder={placeholder}
        data={choices}
        data-autofocus
        required
        {...form.getInputProps('version')}
      />
      <Dimmed>
        Each replica loads it in the background and switches between two transactions: no record is lost, answered twice
        or out of order. The inference then stays at it, even when another version becomes current.
        {inference.challenger !== null && ` The canary of version ${inference.challenger.version} ends.`}
      </Dimmed>
    </FormDialog>
  )
}

/** A change of version as text, such as '1 → 2' or '2, 3 next to it'. */
function changeText({ from_version: from, version, challenger, limit }: SwapRecord): string {
  const more = [challenger === null ? '' : `${challenger} next to it`, limit === null ? '' : `limit ${limit}`]
  const said = [from === version ? `${version}` : `${from ?? '?'} → ${version}`, ...more].filter(Boolean)
  return said.length > 1 || from !== version ? said.join(', ') : `${version} alone`
}

function Swaps({ inference }: { inference: Inference }) {
  const swaps = useQuery(inferencesSwapsListOptions({ path: { id: String(inference.id) }, query: { limit: 20 } }))
  const rows = swaps.data?.results ?? []
  if (swaps.isError) return <ProblemAlert error={swaps.error} onRetry={() => void swaps.refetch()} />
  if (rows.length === 0) return null
  return (
    <>
      <RowTable
        label="Recent version changes"
        minWidth={620}
        rows={rows}
        rowKey={(row) => row.id}
        columns={[
          { title: 'When', cell: (row) => <Age at={row.at} size="sm" /> },
          { title: 'Replica', right: true, cell: (row) => row.replica },
          { title: 'Version', cell: changeText },
          { title: 'Gap', right: true, cell: (row) => (row.failure ? '' : formatMilliseconds(row.gap_seconds * 1000)) },
          {
            title: 'Loading',
            right: true,
            cell: (row) =>
              row.failure ? '' : row.loading_seconds === 0 ? 'already loaded' : formatSeconds(row.loading_seconds),
          },
          {
            title: 'Failed',
            cell: (row) => row.failure?.cause ?? '',
            td: { maw: 320, style: { overflowWrap: 'anywhere' } },
          },
        ]}
      />
      <SmallPrint>The gap is how long a replica did not read; loading runs in the background.</SmallPrint>
    </>
  )
}

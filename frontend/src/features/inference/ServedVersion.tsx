/** Which version of its result an inference serves: go over to another one, back, or follow; what replicas said of it. */
import { Button, Group, Select, Stack, Text, Title } from '@mantine/core'
import { useForm } from '@mantine/form'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { Age } from '~/components/Age'
import { ResultLink } from '~/components/ButtonLink'
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
  resultsVersionsList,
} from '~/lib/api'
import { formatMilliseconds, formatSeconds } from '~/lib/format'
import { useSession } from '~/lib/session'
import { goingOver, versionLabel } from './serving'

export function ServedVersion({ inference }: { inference: Inference }) {
  const { can } = useSession()
  const queryClient = useQueryClient()
  const [swapping, setSwapping] = useState(false)
  const path = { id: String(inference.id) }
  const refresh = () => queryClient.invalidateQueries(inferencesRetrieveOptions({ path }))
  const rollback = useMutation({ ...inferencesRollbackCreateMutation(), onSuccess: refresh })
  const follow = useMutation({ ...inferencesFollowCreateMutation(), onSuccess: refresh })
  const waiting = goingOver(inference)
  const { version, current_version: current, previous_version: previous } = inference
  return (
    <Stack gap="xs" component="section">
      <Title order={2}>Version</Title>
      <Text size="sm">
        <b>Version {version}</b> of <ResultLink id={inference.result}>result {inference.result}</ResultLink>.{' '}
        {inference.follows
          ? 'It follows the result: whichever version becomes current is served.'
          : `It stays at this one${version === current ? '' : `; version ${current} is current`}.`}
      </Text>
      {waiting !== '' && (
        <Text size="sm" role="status" style={{ color: 'var(--kml-running)' }}>
          {waiting}
        </Text>
      )}
      {inference.swap_failure && (
        <FailureAlert failure={inference.swap_failure.failure} serves={inference.state === 'running'} />
      )}
      <ProblemAlert error={rollback.error ?? follow.error} />
      {can('editor') && (
        <Group gap="xs">
          <Button size="xs" variant="default" onClick={() => setSwapping(true)}>
            Serve another version…
          </Button>
          {previous !== null && (
            <Button
              size="xs"
              variant="default"
              loading={rollback.isPending}
              title="At once while replicas still have it warm: for ten minutes"
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
  const versions = useQuery({
    queryKey: ['versions of', inference.result, inference.current_version],
    queryFn: async ({ signal }) =>
      (
        await resultsVersionsList({
          path: { id: String(inference.result) },
          query: { limit: 200 },
          signal,
          throwOnError: true,
        })
      ).data.results,
  })
  const form = useForm<{ version: string | null }>({ initialValues: { version: null } })
  const choices = (versions.data ?? []).filter((each) => each.number !== inference.version)
  return (
    <FormDialog
      title="Serve another version"
      submit="Serve it"
      form={form}
      onClose={onClose}
      onDone={onDone}
      onSave={async ({ version }) => {
        await inferencesSwapCreate({
          path: { id: String(inference.id) },
          body: { version: Number(version) },
          throwOnError: true,
        })
        return `Inference ${inference.id} goes over to version ${version}`
      }}
    >
      <ProblemAlert error={versions.error} onRetry={() => void versions.refetch()} />
      <Select
        label="Version"
        description={`Instead of version ${inference.version}`}
        placeholder={
          versions.isPending ? 'Loading…' : choices.length === 0 ? 'There is no other one' : 'Choose a version'
        }
        data={choices.map((each) => ({ value: String(each.number), label: versionLabel(each) }))}
        data-autofocus
        required
        {...form.getInputProps('version')}
      />
      <Dimmed>
        Each replica loads it beside the one that answers and goes over between two transactions: no record is lost,
        answered twice or out of order. The inference then stays at it, whichever becomes current.
      </Dimmed>
    </FormDialog>
  )
}

function Swaps({ inference }: { inference: Inference }) {
  const swaps = useQuery(inferencesSwapsListOptions({ path: { id: String(inference.id) }, query: { limit: 20 } }))
  const rows = swaps.data?.results ?? []
  if (swaps.isError) return <ProblemAlert error={swaps.error} onRetry={() => void swaps.refetch()} />
  if (rows.length === 0) return null
  return (
    <>
      <RowTable
        label="Last changes of version"
        minWidth={620}
        rows={rows}
        rowKey={(row) => row.id}
        columns={[
          { title: 'When', cell: (row) => <Age at={row.at} size="sm" /> },
          { title: 'Replica', right: true, cell: (row) => row.replica },
          { title: 'Version', cell: (row) => `${row.from_version ?? '?'} → ${row.version}` },
          { title: 'Gap', right: true, cell: (row) => (row.failure ? '' : formatMilliseconds(row.gap_seconds * 1000)) },
          {
            title: 'Loading',
            right: true,
            cell: (row) =>
              row.failure ? '' : row.loading_seconds === 0 ? 'was warm' : formatSeconds(row.loading_seconds),
          },
          {
            title: 'Could not',
            cell: (row) => row.failure?.cause ?? '',
            td: { maw: 320, style: { overflowWrap: 'anywhere' } },
          },
        ]}
      />
      <SmallPrint>The gap is how long a replica read nothing; loading went on beside the answers.</SmallPrint>
    </>
  )
}

/** The actions on a version: make it current, keep it, delete it. */
import { Modal, Stack, Text, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { ConfirmDelete } from '~/components/ConfirmDelete'
import { FormDialog } from '~/components/FormDialog'
import { ProblemAlert } from '~/components/ProblemAlert'
import { RowMenu } from '~/components/RowMenu'
import {
  type Inference,
  type Result,
  resultsVersionsDestroy,
  resultsVersionsPartialUpdateMutation,
  resultsVersionsPromoteCreate,
  type Version,
} from '~/lib/api'
import { formatBytes, plural } from '~/lib/format'
import { notifyDone } from '~/lib/notify'
import { followersText } from './versions'

export function VersionActions({
  result,
  version,
  serving,
  onFiles,
}: {
  result: Result
  version: Version
  /** All inferences that serve the result. */
  serving: readonly Inference[]
  onFiles: () => void
}) {
  const queryClient = useQueryClient()
  const navigate = useNavigate()
  const [dialog, setDialog] = useState<'promote' | 'delete' | null>(null)
  const path = { id: String(result.id), number: String(version.number) }
  const refresh = () => queryClient.invalidateQueries({ queryKey: ['versions', result.id] })
  const pin = useMutation({ ...resultsVersionsPartialUpdateMutation(), onSuccess: refresh })
  const back = version.number < (result.current_version ?? 0)
  const close = () => setDialog(null)
  return (
    <>
      <RowMenu
        name={`version ${version.number}`}
        actions={[
          { label: 'Files…', onClick: onFiles },
          {
            label: 'Serve',
            onClick: () =>
              void navigate({ to: '/inference/new', search: { result: result.id, version: version.number } }),
          },
          {
            label: 'Model card',
            onClick: () => void navigate({ to: '/results/$id/versions/$number', params: path }),
          },
          ...(version.current
            ? []
            : [{ label: back ? 'Roll back…' : 'Make current…', onClick: () => setDialog('promote') }]),
          {
            label: version.pinned ? 'Unpin' : 'Pin: keep it when old versions are deleted',
            onClick: () => pin.mutate({ path, body: { pinned: !version.pinned } }),
          },
          ...(version.current || version.pinned
            ? []
            : [{ label: 'Delete…', danger: true, onClick: () => setDialog('delete') }]),
        ]}
      />
      {pin.error && (
        <Modal opened onClose={() => pin.reset()} title={`Version ${version.number}`} centered>
          <ProblemAlert error={pin.error} />
        </Modal>
      )}
      {dialog === 'promote' && (
        <PromoteDialog
          result={result}
          version={version}
          back={back}
          serving={serving}
          onClose={close}
          onDone={refresh}
        />
      )}
      <ConfirmDelete
        opened={dialog === 'delete'}
        onClose={close}
        what="version"
        name={String(version.number)}
        losses={[
          `${plural(version.artifacts.length, 'file')}, ${formatBytes(version.artifacts.reduce((sum, artifact) => sum + artifact.size, 0))}`,
          'its scores and comparisons',
        ]}
        onDelete={async () => {
          await resultsVersionsDestroy({ path, throwOnError: true })
          notifyDone(`Version ${version.number} deleted`)
          await refresh()
        }}
      />
    </>
  )
}

function PromoteDialog({
  result,
  version,
  back,
  serving,
  onClose,
  onDone,
}: {
  result: Result
  version: Version
  back: boolean
  serving: readonly Inference[]
  onClose: () => void
  onDone: () => void
}) {
  const form = useForm({ initialValues: { why: '' } })
  const { number } = version
  return (
    <FormDialog
      title={back ? `Roll back to version ${number}?` : `Make version ${number} current?`}
      submit={back ? 'Roll back' : 'Make current'}
      form={form}
      onClose={onClose}
      onDone={onDone}
      onSave={async ({ why }) => {
        await resultsVersionsPromoteCreate({
          path: { id: String(result.id), number: String(number) },
          body: { why },
          throwOnError: true,
        })
        return `Version ${number} of result ${result.id} is now current`
      }}
    >
      <Stack gap="xs">
        <Text size="sm">
          It replaces version {result.current_version}, which is kept and can be made current again.
        </Text>
        <Text size="sm">{followersText(serving)}</Text>
        <TextInput
          label="Reason"
          description="For the audit trail and webhooks. Optional"
          maxLength={300}
          data-autofocus
          {...form.getInputProps('why')}
        />
      </Stack>
    </FormDialog>
  )
}

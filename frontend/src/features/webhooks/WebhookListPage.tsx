/** Systems that are notified when another version becomes current. Admins add, test, change and delete them. */
import { Button, Modal, Stack, Text, VisuallyHidden } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { AdminsOnly } from '~/components/AdminsOnly'
import { Age } from '~/components/Age'
import { ConfirmDelete } from '~/components/ConfirmDelete'
import { SmallPrint } from '~/components/Dimmed'
import { EmptyState } from '~/components/EmptyState'
import { ListPage } from '~/components/ListPage'
import { ProblemAlert } from '~/components/ProblemAlert'
import { RowMenu } from '~/components/RowMenu'
import { StatusBadge } from '~/components/StatusBadge'
import {
  type NewWebhook,
  type Webhook,
  webhooksDestroy,
  webhooksListOptions,
  webhooksNewSecretCreateMutation,
  webhooksPartialUpdateMutation,
  webhooksPingCreateMutation,
} from '~/lib/api'
import { formatCount } from '~/lib/format'
import { type ListSearch, listQuery } from '~/lib/listSearch'
import { notifyDone } from '~/lib/notify'
import { useSession } from '~/lib/session'
import { useListSearch } from '~/lib/useListSearch'
import { SecretOnce } from './SecretOnce'
import { WebhookDialog } from './WebhookDialog'

/** The page reads again at an interval, because the controller publishes no events when it delivers webhooks. */
const LOOK_EVERY_MS = 10_000

export function WebhookListPage() {
  const { can } = useSession()
  return can('admin') ? <Webhooks /> : <AdminsOnly title="Webhooks" />
}

function Webhooks() {
  const [search, change] = useListSearch<ListSearch>('/webhooks')
  const queryClient = useQueryClient()
  const webhooks = useQuery({ ...webhooksListOptions({ query: listQuery(search) }), refetchInterval: LOOK_EVERY_MS })
  const [dialog, setDialog] = useState<Webhook | 'new' | null>(null)
  const [removing, setRemoving] = useState<Webhook | null>(null)
  const [replacing, setReplacing] = useState<Webhook | null>(null)
  const [made, setMade] = useState<NewWebhook | null>(null)
  const read = () => queryClient.invalidateQueries({ queryKey: [{ tags: ['webhooks'] }] })
  const ping = useMutation({
    ...webhooksPingCreateMutation(),
    onSuccess: async (webhook) => {
      notifyDone(`Test sent to ${webhook.url}: see "Last delivered" or the error`)
      await read()
    },
  })
  const toggle = useMutation({ ...webhooksPartialUpdateMutation(), onSuccess: read })
  return (
    <Stack gap="md">
      {made !== null && <SecretOnce webhook={made} onClose={() => setMade(null)} />}
      <ProblemAlert error={ping.error} title="The test could not be sent" />
      <ProblemAlert error={toggle.error} title="The webhook was not changed" />
      <ListPage<Webhook>
        title="Webhooks"
        description="Other systems that receive a signed request when a version of a result becomes current"
        storeKey="webhooks"
        actions={
          <Button size="xs" onClick={() => setDialog('new')}>
            Add a webhook
          </Button>
        }
        list={webhooks}
        search={search}
        onSearch={change}
        columns={[
          { accessor: 'id', title: 'Id', sortable: true, width: 70 },
          { accessor: 'url', title: 'Address', sortable: true, width: 320 },
          {
            accessor: 'state',
            title: 'State',
            render: (webhook) => <State webhook={webhook} />,
          },
          {
            accessor: 'delivered_at',
            title: 'Last delivered',
            render: (webhook) =>
              webhook.delivered_at === null ? 'never' : <Age at={webhook.delivered_at} size="sm" />,
          },
          {
            accessor: 'waiting',
            title: 'Waiting',
            textAlign: 'right',
            render: (webhook) => formatCount(webhook.waiting),
          },
          {
            accessor: 'error',
            title: 'Last error',
            width: 320,
            render: (webhook) =>
              webhook.error !== '' && (
                <>
                  <Text size="sm" style={{ overflowWrap: 'anywhere', color: 'var(--kml-failed)' }}>
                    {webhook.error}
                  </Text>
                  <SmallPrint>
                    <Age at={webhook.error_at} span inherit />
                  </SmallPrint>
                </>
              ),
          },
          {
            accessor: 'actions',
            title: <VisuallyHidden>Actions</VisuallyHidden>,
            toggleable: false,
            textAlign: 'right',
            render: (webhook) => (
              <RowMenu
                name={webhook.url}
                actions={[
                  {
                    label: 'Send a test',
                    onClick: () => ping.mutate({ path: { id: String(webhook.id) } }),
                  },
                  { label: 'Change the address…', onClick: () => setDialog(webhook) },
                  { label: 'Replace the secret…', onClick: () => setReplacing(webhook) },
                  {
                    label: webhook.enabled ? 'Switch off' : 'Switch on',
                    onClick: () =>
                      toggle.mutate({ path: { id: String(webhook.id) }, body: { enabled: !webhook.enabled } }),
                  },
                  { label: 'Delete…', onClick: () => setRemoving(webhook), danger: true },
                ]}
              />
            ),
          },
        ]}
        empty={
          <EmptyState
            title="No webhooks yet"
            action={<Button onClick={() => setDialog('new')}>Add a webhook</Button>}
            command="kafka-ml webhooks add https://HOST/PATH"
          >
            A webhook is an address of another system, for example one that builds or deploys. The platform sends it a
            request whenever a version becomes current, and retries until it is accepted.
          </EmptyState>
        }
      />
      {dialog !== null && (
        <WebhookDialog
          key={dialog === 'new' ? 'new' : dialog.id}
          webhook={dialog === 'new' ? null : dialog}
          onClose={() => setDialog(null)}
          onDone={() => void read()}
          onMade={setMade}
        />
      )}
      {replacing !== null && <ReplaceDialog webhook={replacing} onClose={() => setReplacing(null)} onMade={setMade} />}
      <ConfirmDelete
        opened={removing !== null}
        onClose={() => setRemoving(null)}
        what="webhook"
        name={removing?.url ?? ''}
        losses={[
          'Its secret, which cannot be read again',
          ...(removing && removing.waiting > 0 ? [`Undelivered requests: ${formatCount(removing.waiting)}`] : []),
        ]}
        onDelete={async () => {
          if (removing === null) return
          await webhooksDestroy({ path: { id: String(removing.id) }, throwOnError: true })
          await read()
          notifyDone(`${removing.url} deleted`)
        }}
      />
    </Stack>
  )
}

function State({ webhook }: { webhook: Webhook }) {
  if (!webhook.enabled) return <StatusBadge state="stopped" label="off" tooltip="It receives no requests" />
  if (webhook.error !== '') return <StatusBadge state="failed" label="fails" tooltip={webhook.error} />
  if (webhook.delivered_at === null)
    return <StatusBadge state="created" label="untested" tooltip="Send a test to see whether it responds" />
  return <StatusBadge state="ready" label="works" tooltip="The last request was accepted" />
}

function ReplaceDialog({
  webhook,
  onClose,
  onMade,
}: {
  webhook: Webhook
  onClose: () => void
  onMade: (made: NewWebhook) => void
}) {
  const replace = useMutation({
    ...webhooksNewSecretCreateMutation(),
    onSuccess: (made) => {
      onMade(made)
      onClose()
    },
  })
  return (
    <Modal opened onClose={onClose} title="Replace the secret?" centered>
      <Stack gap="sm">
        <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
          From now on requests to {webhook.url} are signed with another secret. The receiver refuses them until it knows
          the new secret; refused requests are sent again.
        </Text>
        <ProblemAlert error={replace.error} />
        <Button
          size="xs"
          style={{ alignSelf: 'flex-end' }}
          loading={replace.isPending}
          onClick={() => replace.mutate({ path: { id: String(webhook.id) } })}
        >
          Replace
        </Button>
      </Stack>
    </Modal>
  )
}

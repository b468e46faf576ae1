/** Entering a webhook, or changing its address. A secret goes in or is made, and is never shown again. */
import { PasswordInput, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { CopyAs } from '~/components/CopyAs'
import { SmallPrint } from '~/components/Dimmed'
import { FormDialog } from '~/components/FormDialog'
import { type NewWebhook, type Webhook, webhooksCreate, webhooksPartialUpdate } from '~/lib/api'
import { curlCall, pythonCall, shellQuote } from '~/lib/equivalents'

const EVENTS: Webhook['events'] = ['version.promoted']

export function WebhookDialog({
  webhook,
  onClose,
  onDone,
  onMade,
}: {
  /** Null: a new one. */
  webhook: Webhook | null
  onClose: () => void
  onDone: () => void
  /** With the secret, where the platform has made it. */
  onMade: (made: NewWebhook) => void
}) {
  const form = useForm({
    initialValues: { url: webhook?.url ?? '', secret: '' },
    validate: {
      url: (url) => (/^https?:\/\/[^\s/]/.test(url) ? null : 'Expected an address such as https://host/path'),
      // Or whoever may change the address could have what is signed with a known secret sent to theirs.
      secret: (secret, { url }) =>
        webhook !== null && url !== webhook.url && secret === '' ? 'With another address, give the secret again' : null,
    },
  })
  const save = async ({ url, secret }: { url: string; secret: string }) => {
    const given = secret === '' ? {} : { secret }
    if (webhook === null) {
      const { data } = await webhooksCreate({ body: { url, events: EVENTS, ...given }, throwOnError: true })
      if (secret === '') onMade(data)
      return `${url} is told from now on: send it a test`
    }
    const path = { id: String(webhook.id) }
    await webhooksPartialUpdate({ path, body: { url, ...given }, throwOnError: true })
    return `Webhook ${webhook.id} is changed`
  }
  const body = { url: form.values.url, events: EVENTS }
  return (
    <FormDialog
      title={webhook === null ? 'Add a webhook' : 'Change the webhook'}
      submit={webhook === null ? 'Add' : 'Save'}
      form={form}
      onSave={save}
      onClose={onClose}
      onDone={onDone}
      note={
        webhook === null && (
          <div>
            <CopyAs
              equivalents={{
                cli: `kafka-ml webhooks add ${shellQuote(body.url || 'https://HOST/PATH')}`,
                python: pythonCall('client.webhooks.create', body),
                curl: curlCall('POST', '/api/webhooks/', body),
              }}
            />
          </div>
        )
      }
    >
      <TextInput
        label="Address"
        description="Where requests go. Who runs the platform allows its host by KML_WEBHOOK_HOSTS"
        placeholder="https://ci.example.org/kafka-ml"
        withAsterisk
        maxLength={500}
        autoComplete="off"
        data-autofocus
        {...form.getInputProps('url')}
      />
      <PasswordInput
        label="Secret"
        description={
          webhook === null
            ? 'Requests are signed with it. Empty: one is made, and shown to you once'
            : 'Empty: the one that is kept, as long as the address stays'
        }
        placeholder="whsec_…"
        autoComplete="new-password"
        visibilityToggleButtonProps={{ 'aria-label': 'Show what is typed' }}
        {...form.getInputProps('secret')}
      />
      <SmallPrint>
        It is told of one event, version.promoted: a version of a result has become the current one, trained, improved
        by a rule or chosen by a person.
      </SmallPrint>
    </FormDialog>
  )
}

/** Adds a webhook or changes its address. A secret is entered or generated, and is never shown again. */
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
  /** The webhook to change; null for a new one. */
  webhook: Webhook | null
  onClose: () => void
  onDone: () => void
  /** Called with the new webhook; it holds the secret if the platform generated it. */
  onMade: (made: NewWebhook) => void
}) {
  const form = useForm({
    initialValues: { url: webhook?.url ?? '', secret: '' },
    validate: {
      url: (url) => (/^https?:\/\/[^\s/]/.test(url) ? null : 'Expected an address such as https://host/path'),
      // A changed address needs the secret again. Otherwise anyone who may change the address could have messages
      // signed with the stored secret sent to their own.
      secret: (secret, { url }) =>
        webhook !== null && url !== webhook.url && secret === ''
          ? 'The address has changed: enter the secret again'
          : null,
    },
  })
  const save = async ({ url, secret }: { url: string; secret: string }) => {
    const given = secret === '' ? {} : { secret }
    if (webhook === null) {
      const { data } = await webhooksCreate({ body: { url, events: EVENTS, ...given }, throwOnError: true })
      if (secret === '') onMade(data)
      return `${url} added: send it a test`
    }
    const path = { id: String(webhook.id) }
    await webhooksPartialUpdate({ path, body: { url, ...given }, throwOnError: true })
    return `Webhook ${webhook.id} saved`
  }
  const body = { url: form.values.url, events: EVENTS }
  return (
    <FormDialog
      title={webhook === null ? 'Add a webhook' : 'Edit webhook'}
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
        description="Where requests go. Its host must be allowed in KML_WEBHOOK_HOSTS"
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
            ? 'Requests are signed with it. Leave empty to generate one, which is shown once'
            : 'Leave empty to keep it, unless the address changes'
        }
        placeholder="whsec_…"
        autoComplete="new-password"
        visibilityToggleButtonProps={{ 'aria-label': 'Show what is typed' }}
        {...form.getInputProps('secret')}
      />
      <SmallPrint>
        It receives one event, version.promoted: a version of a result has become the current one, because it was
        trained, met a rule, or was chosen by a person.
      </SmallPrint>
    </FormDialog>
  )
}

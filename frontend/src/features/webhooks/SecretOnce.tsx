/** Shows the secret of a webhook, the only time that it can be read. */
import { Alert, Code, Group, Text } from '@mantine/core'
import { CopyButton } from '~/components/CopyButton'
import type { NewWebhook } from '~/lib/api'

export function SecretOnce({ webhook, onClose }: { webhook: NewWebhook; onClose: () => void }) {
  return (
    <Alert
      role="status"
      color="teal"
      title="Copy the secret now: it will not be shown again"
      withCloseButton
      closeButtonLabel="Close"
      onClose={onClose}
      styles={{ title: { color: 'var(--kml-good)' } }}
    >
      <Text size="sm" mb="xs" style={{ overflowWrap: 'anywhere' }}>
        {webhook.url} needs it to verify that a request comes from here. Requests are signed according to Standard
        Webhooks; most languages have a library for it.
      </Text>
      <Group gap="xs">
        <Code style={{ overflowWrap: 'anywhere' }}>{webhook.secret}</Code>
        <CopyButton text={webhook.secret} label="Copy" />
      </Group>
    </Alert>
  )
}

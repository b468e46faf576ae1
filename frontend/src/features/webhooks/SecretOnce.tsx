/** The secret of a webhook, the only time that it can be read. */
import { Alert, Code, Group, Text } from '@mantine/core'
import { CopyButton } from '~/components/CopyButton'
import type { NewWebhook } from '~/lib/api'

export function SecretOnce({ webhook, onClose }: { webhook: NewWebhook; onClose: () => void }) {
  return (
    <Alert
      role="status"
      color="teal"
      title="Copy the secret now: it is not shown again"
      withCloseButton
      closeButtonLabel="Close"
      onClose={onClose}
      styles={{ title: { color: 'var(--kml-good)' } }}
    >
      <Text size="sm" mb="xs" style={{ overflowWrap: 'anywhere' }}>
        {webhook.url} needs it to see that a request comes from here. Requests are signed as Standard Webhooks says, for
        which most languages have a library.
      </Text>
      <Group gap="xs">
        <Code style={{ overflowWrap: 'anywhere' }}>{webhook.secret}</Code>
        <CopyButton text={webhook.secret} label="Copy" />
      </Group>
    </Alert>
  )
}

/** What the curves of a training suggest, each with one thing to try. Hints can be hidden in this browser. */
import { ActionIcon, Alert, Anchor, Group, Stack, Text } from '@mantine/core'
import { useLocalStorage } from '@mantine/hooks'
import { IconBulb, IconX } from '@tabler/icons-react'
import type { Result } from '~/lib/api'
import { capital, plural } from '~/lib/format'

export function Hints({ result }: { result: Pick<Result, 'id' | 'hints'> }) {
  const [hidden, setHidden] = useLocalStorage<string[]>({ key: `kml-hidden-hints-${result.id}`, defaultValue: [] })
  const shown = result.hints.filter(({ code }) => !hidden.includes(code))
  if (result.hints.length === 0) return null
  if (shown.length === 0) {
    return (
      <Anchor component="button" type="button" size="sm" onClick={() => setHidden([])} w="fit-content">
        Show {plural(result.hints.length, 'hint')}
      </Anchor>
    )
  }
  return (
    <Alert
      color="blue"
      icon={<IconBulb aria-hidden />}
      title={shown.length === 1 ? 'Hint' : plural(shown.length, 'hint')}
    >
      <Stack gap="xs">
        {shown.map(({ code, message, advice }) => (
          <Group key={code} justify="space-between" align="flex-start" wrap="nowrap" gap="xs">
            <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
              {capital(message)}. <b>Try:</b> {advice}.
            </Text>
            <ActionIcon
              variant="subtle"
              size="sm"
              aria-label={`Hide the hint: ${message}`}
              onClick={() => setHidden([...hidden, code])}
            >
              <IconX size={14} aria-hidden />
            </ActionIcon>
          </Group>
        ))}
      </Stack>
    </Alert>
  )
}

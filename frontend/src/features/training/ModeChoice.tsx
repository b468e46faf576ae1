/** How training goes: the modes that the platform offers. With one there is nothing to choose, and it is said so. */
import { Alert, Radio, Stack, Text } from '@mantine/core'
import { IconInfoCircle } from '@tabler/icons-react'
import { SmallPrint } from '~/components/Dimmed'
import type { ModelOf } from '~/lib/api'
import { MODES } from './form'

export function ModeChoice({
  modes,
  models,
  value,
  onChange,
}: {
  modes: readonly string[]
  models: readonly ModelOf[]
  value?: string
  onChange?: (value: string) => void
}) {
  const missing = ['incremental', 'distributed'].filter((mode) => !modes.includes(mode))
  const parts = models.filter((model) => model.distributed)
  return (
    <Stack gap="xs">
      {modes.length > 1 ? (
        <Radio.Group label="Mode" value={value ?? ''} onChange={(next) => onChange?.(next)}>
          <Stack gap={6} mt={6}>
            {modes.map((mode) => (
              <Radio key={mode} value={mode} label={MODES[mode]?.title ?? mode} description={MODES[mode]?.text} />
            ))}
          </Stack>
        </Radio.Group>
      ) : (
        <Text size="sm">
          <b>Mode: {MODES[modes[0] ?? '']?.title.toLowerCase() ?? modes[0]}.</b> In it {MODES[modes[0] ?? '']?.text}.
        </Text>
      )}
      {missing.length > 0 && (
        <SmallPrint>
          {capital(missing.map((mode) => MODES[mode]?.title.toLowerCase()).join(' and '))} training{' '}
          {missing.length > 1 ? 'are' : 'is'} not in this version; the settings appear here with the version that has{' '}
          {missing.length > 1 ? 'them' : 'it'}.
        </SmallPrint>
      )}
      {parts.length > 0 && !modes.includes('distributed') && (
        <Alert
          color="yellow"
          icon={<IconInfoCircle aria-hidden />}
          title="This version does not train distributed models yet"
        >
          <Text size="sm">
            {parts.map((model) => model.name).join(', ')} {parts.length > 1 ? 'are parts of one' : 'is a part of one'}:
            choose a configuration of whole models.
          </Text>
        </Alert>
      )}
    </Stack>
  )
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

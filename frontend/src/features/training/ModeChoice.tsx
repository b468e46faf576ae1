/** Chooses the training mode among those that the platform offers. A single mode is only named. */
import { Radio, Stack, Text } from '@mantine/core'
import { MODES } from './form'

export function ModeChoice({
  modes,
  unfit = {},
  value,
  onChange,
}: {
  modes: readonly string[]
  /** The modes that cannot be chosen here, with the reasons. */
  unfit?: Readonly<Record<string, string>>
  value?: string
  onChange?: (value: string) => void
}) {
  return (
    <Stack gap="xs">
      {modes.length > 1 ? (
        <Radio.Group label="Mode" value={value ?? ''} onChange={(next) => onChange?.(next)}>
          <Stack gap={6} mt={6}>
            {modes.map((mode) => (
              <Radio
                key={mode}
                value={mode}
                label={MODES[mode]?.title ?? mode}
                description={unfit[mode] ?? MODES[mode]?.text}
                disabled={unfit[mode] !== undefined}
              />
            ))}
          </Stack>
        </Radio.Group>
      ) : (
        <Text size="sm">
          <b>Mode: {MODES[modes[0] ?? '']?.title.toLowerCase() ?? modes[0]}.</b> In it {MODES[modes[0] ?? '']?.text}.
        </Text>
      )}
    </Stack>
  )
}

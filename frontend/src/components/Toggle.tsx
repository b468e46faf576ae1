/** A small switch of what is shown: on or off at once. */
import { Switch, type SwitchProps } from '@mantine/core'

interface ToggleProps extends Omit<SwitchProps, 'onChange'> {
  onChange: (on: boolean) => void
}

export function Toggle({ onChange, ...props }: ToggleProps) {
  return <Switch size="xs" onChange={(event) => onChange(event.currentTarget.checked)} {...props} />
}

/** A field for a number. One that is out of range stays as it was typed, with an error below it. */
import { NumberInput, type NumberInputProps } from '@mantine/core'
import { formatExact } from '~/lib/format'

export function NumberField({ error, ...props }: NumberInputProps) {
  return <NumberInput clampBehavior="none" error={error || outOfRange(props)} {...props} />
}

/** The error for a number out of range, such as '999,999,999 is too much: at most 1,048,576'; null otherwise. */
export function outOfRange({ value, min, max }: Pick<NumberInputProps, 'value' | 'min' | 'max'>): string | null {
  if (value === undefined || value === '' || Number.isNaN(Number(value))) return null
  const [number, least, most] = [Number(value), Number(min ?? -Infinity), Number(max ?? Infinity)]
  if (number > most) return `${formatExact(number)} is too much: at most ${formatExact(most)}`
  return number < least ? `${formatExact(number)} is too little: at least ${formatExact(least)}` : null
}

/** A field for a short text. One that is too long stays as it was typed or pasted, with an error below it. */
import { TextInput, type TextInputProps } from '@mantine/core'

export function LimitedInput({ limit, error, ...props }: TextInputProps & { limit: number }) {
  return <TextInput error={error || tooLong(props.value, limit)} {...props} />
}

/** '300 characters: at most 100'; null for what fits. */
export function tooLong(value: unknown, limit: number): string | null {
  // Characters as the platform counts them, so an emoji is one.
  const length = [...String(value ?? '').trim()].length
  return length > limit ? `${length} characters: at most ${limit}` : null
}

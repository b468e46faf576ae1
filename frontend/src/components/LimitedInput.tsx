/** A field for a short text. A text that is too long stays as typed or pasted, with an error below it. */
import { TextInput, type TextInputProps } from '@mantine/core'

export function LimitedInput({ limit, error, ...props }: TextInputProps & { limit: number }) {
  return <TextInput error={error || tooLong(props.value, limit)} {...props} />
}

/** The error for a text that is too long, such as '300 characters: at most 100'; null for a text that fits. */
export function tooLong(value: unknown, limit: number): string | null {
  // Characters are counted as the platform counts them, so an emoji is one.
  const length = [...String(value ?? '').trim()].length
  return length > limit ? `${length} characters: at most ${limit}` : null
}

/** A small select that narrows a list to one value, or shows all. */
import { Select, type SelectProps } from '@mantine/core'

export interface FilterSelectProps<T extends string> extends Pick<SelectProps, 'w' | 'searchable'> {
  label: string
  /** Text of the choice that filters nothing; 'Any state' by default. */
  any?: string
  data: readonly (T | { value: T; label: string })[]
  value: T | undefined
  onChange: (value: T | undefined) => void
}

export function FilterSelect<T extends string>({
  label,
  any = `Any ${label.toLowerCase()}`,
  data,
  value,
  onChange,
  ...props
}: FilterSelectProps<T>) {
  // The address may hold a value that is not among the options.
  const listed = data.some((option) => (typeof option === 'string' ? option : option.value) === value)
  return (
    <Select
      size="xs"
      w={150}
      aria-label={label}
      placeholder={any}
      clearable
      clearButtonProps={{ 'aria-label': any }}
      data={value === undefined || listed ? [...data] : [...data, value]}
      allowDeselect
      value={value ?? null}
      onChange={(next) => onChange((next ?? undefined) as T | undefined)}
      {...props}
    />
  )
}

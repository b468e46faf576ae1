/** Where an inference, a chain or a shadow begins to read. */
import { Autocomplete, type AutocompleteProps } from '@mantine/core'

export function StartField(props: AutocompleteProps) {
  return (
    <Autocomplete
      label="Start reading at"
      description="beginning, now, an offset in each partition, or a time such as 2026-01-31T12:30:00Z. Once stopped and started again, it continues where it stopped"
      maw={760}
      data={['beginning', 'now']}
      filter={({ options }) => options}
      {...props}
    />
  )
}

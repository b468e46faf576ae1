/** Small fields that narrow the lists of training. */
import { Select } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { configurationsListOptions } from '~/lib/api'
import { useFrameworks } from '~/lib/frameworks'
import { oneOf } from '~/lib/listSearch'
import { STATES, type TrainingSearch } from './routes'

interface FilterProps {
  search: TrainingSearch
  onSearch: (change: Partial<TrainingSearch>) => void
}

export function StateFilter({ search, onSearch }: FilterProps) {
  return (
    <Select
      size="xs"
      w={150}
      aria-label="State"
      placeholder="Every state"
      clearable
      clearButtonProps={{ 'aria-label': 'Every state' }}
      data={[...STATES]}
      value={search.state ?? null}
      onChange={(value) => onSearch({ state: oneOf(value, STATES) })}
    />
  )
}

export function FrameworkFilter({ search, onSearch }: FilterProps) {
  return (
    <Select
      size="xs"
      w={150}
      aria-label="Framework"
      placeholder="Every framework"
      clearable
      clearButtonProps={{ 'aria-label': 'Every framework' }}
      data={useFrameworks().map(({ name, title }) => ({ value: name, label: title }))}
      value={search.framework ?? null}
      onChange={(value) => onSearch({ framework: (value ?? undefined) as TrainingSearch['framework'] })}
    />
  )
}

export function ConfigurationFilter({ search, onSearch }: FilterProps) {
  const configurations = useQuery(configurationsListOptions({ query: { limit: 200, ordering: 'name' } }))
  return (
    <Select
      size="xs"
      w={200}
      aria-label="Configuration"
      placeholder="Every configuration"
      searchable
      clearable
      clearButtonProps={{ 'aria-label': 'Every configuration' }}
      data={(configurations.data?.results ?? []).map((each) => ({ value: String(each.id), label: each.name }))}
      value={search.configuration ? String(search.configuration) : null}
      onChange={(value) => onSearch({ configuration: value ? Number(value) : undefined })}
    />
  )
}

/** Only where there is more than one mode to choose from. */
export function ModeFilter({ search, onSearch, modes }: FilterProps & { modes: readonly string[] }) {
  if (modes.length < 2) return null
  return (
    <Select
      size="xs"
      w={150}
      aria-label="Mode"
      placeholder="Every mode"
      clearable
      clearButtonProps={{ 'aria-label': 'Every mode' }}
      data={[...modes]}
      value={search.mode ?? null}
      onChange={(value) => onSearch({ mode: value ?? undefined })}
    />
  )
}

/** Small fields that narrow the lists of training. */
import { useQuery } from '@tanstack/react-query'
import { FilterSelect } from '~/components/FilterSelect'
import { configurationsListOptions } from '~/lib/api'
import { useFrameworks } from '~/lib/frameworks'
import { STATES, type TrainingSearch } from './routes'

interface FilterProps {
  search: TrainingSearch
  onSearch: (change: Partial<TrainingSearch>) => void
}

export function StateFilter({ search, onSearch }: FilterProps) {
  return (
    <FilterSelect
      label="State"
      any="Every state"
      data={STATES}
      value={search.state}
      onChange={(state) => onSearch({ state })}
    />
  )
}

export function FrameworkFilter({ search, onSearch }: FilterProps) {
  return (
    <FilterSelect
      label="Framework"
      any="Every framework"
      data={useFrameworks().map(({ name, title }) => ({ value: name, label: title }))}
      value={search.framework}
      onChange={(framework) => onSearch({ framework })}
    />
  )
}

export function ConfigurationFilter({ search, onSearch }: FilterProps) {
  const configurations = useQuery(configurationsListOptions({ query: { limit: 200, ordering: 'name' } }))
  return (
    <FilterSelect
      w={200}
      label="Configuration"
      any="Every configuration"
      searchable
      data={(configurations.data?.results ?? []).map((each) => ({ value: String(each.id), label: each.name }))}
      value={search.configuration === undefined ? undefined : String(search.configuration)}
      onChange={(value) => onSearch({ configuration: value ? Number(value) : undefined })}
    />
  )
}

/** Only where there is more than one mode to choose from. */
export function ModeFilter({ search, onSearch, modes }: FilterProps & { modes: readonly string[] }) {
  if (modes.length < 2) return null
  return (
    <FilterSelect
      label="Mode"
      any="Every mode"
      data={modes}
      value={search.mode}
      onChange={(mode) => onSearch({ mode })}
    />
  )
}

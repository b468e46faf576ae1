/** Which deployment a stream goes to. */
import { Select } from '@mantine/core'
import type { Deployment } from '~/lib/api'

export function DeploymentSelect({
  rows,
  value,
  onChange,
}: {
  rows: readonly Deployment[]
  /** The id of the chosen deployment. */
  value: string | null
  onChange: (id: string | null) => void
}) {
  return (
    <Select
      label="Deployment"
      placeholder="Choose one"
      searchable
      nothingFoundMessage="No matching deployment"
      data={rows.map(({ id, configuration_name: name, state }) => ({
        value: String(id),
        label: `${id}: ${name} (${state})`,
      }))}
      value={value}
      onChange={onChange}
    />
  )
}

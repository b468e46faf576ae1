/** Which part of a distributed model is above this one. */
import { Select } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { modelsListOptions } from '~/lib/api'

export function UpperModelSelect({
  own,
  value,
  onChange,
  error,
}: {
  /** The model itself, which is not above itself. */
  own: number | undefined
  value: string | null
  onChange: (value: string | null) => void
  error: ReactNode
}) {
  const models = useQuery(modelsListOptions({ query: { distributed: true, limit: 500, ordering: 'name' } }))
  const data = (models.data?.results ?? [])
    .filter((each) => each.id !== own)
    .map((each) => ({ value: String(each.id), label: `${each.name} (model ${each.id})` }))
  return (
    <Select
      label="Upper model"
      description="The next part towards the cloud; none for the topmost one."
      placeholder="None: this is the topmost part"
      data={data}
      value={value}
      onChange={onChange}
      searchable
      clearable
      clearButtonProps={{ 'aria-label': 'Clear the upper model' }}
      nothingFoundMessage="No other distributed model: make the topmost part first"
      maw={420}
      error={error}
    />
  )
}

/** Finds another training run to add to the comparison. */
import { Select } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { resultsListOptions } from '~/lib/api'

export function AddRun({
  chosen,
  disabled,
  onAdd,
}: {
  chosen: readonly number[]
  disabled: boolean
  onAdd: (id: number) => void
}) {
  const [text, setText] = useState('')
  const [asked] = useDebouncedValue(text, 250)
  const found = useQuery(
    resultsListOptions({ query: { limit: 30, ordering: '-id', ...(asked ? { search: asked } : {}) } }),
  )
  const rows = (found.data?.results ?? []).filter((row) => !chosen.includes(row.id))
  return (
    <Select
      size="xs"
      w={220}
      aria-label="Add a training run"
      placeholder="Add a training run"
      searchable
      disabled={disabled}
      nothingFoundMessage="No other matching run"
      searchValue={text}
      onSearchChange={setText}
      data={rows.map((row) => ({
        value: String(row.id),
        label: `${row.model_name} (result ${row.id}, ${row.state})`,
      }))}
      // The options are not filtered again, because the API has searched already.
      filter={({ options }) => options}
      value={null}
      onChange={(value) => {
        if (!value) return
        onAdd(Number(value))
        setText('')
      }}
    />
  )
}

/** Shows the fields of JSON records as columns of their own. */
import { Group, SegmentedControl } from '@mantine/core'
import type { ReactNode } from 'react'
import { ColumnMenu, useColumnChoice } from '~/components/ColumnMenu'
import type { TopicRecord } from '~/lib/api'
import { fieldNames } from '~/lib/jsonFields'
import type { TopicSearch } from './search'

export interface ShownFields {
  /** The fields shown as columns in place of the value; undefined when values are shown as they are. */
  fields?: readonly string[]
  /** The switch between fields and values, and the menu of fields. */
  controls: ReactNode
}

export function useFields(
  topic: string,
  records: readonly TopicRecord[],
  search: TopicSearch,
  onSearch: (change: TopicSearch) => void,
): ShownFields {
  const names = fieldNames(records)
  const choice = useColumnChoice<TopicRecord>(
    `fields-of-${topic}`,
    names.map((name) => ({ accessor: name, title: name })),
  )
  if (names.length === 0) return { controls: null }
  const byFields = search.view !== 'value'
  const fields = names.filter((name) => !choice.hidden.includes(name))
  return {
    ...(byFields && { fields }),
    controls: (
      <Group gap="xs">
        <SegmentedControl
          size="xs"
          aria-label="Show values"
          data={[
            { value: 'fields', label: 'Fields' },
            { value: 'value', label: 'Value' },
          ]}
          value={byFields ? 'fields' : 'value'}
          onChange={(next) => onSearch({ view: next === 'value' ? 'value' : undefined })}
        />
        {byFields && <ColumnMenu choice={choice} />}
      </Group>
    ),
  }
}

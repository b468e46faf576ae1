/** Which records are meant: all that the topic holds now, those of a time, or offsets of a partition. */
import { Group, NumberInput, SegmentedControl, Stack, TextInput } from '@mantine/core'
import { SmallPrint } from '~/components/Dimmed'
import { FieldError } from '~/components/FieldError'
import { type FormProblems, textOf } from './problems'
import type { SliceValues } from './values'

const WAYS = [
  { value: 'all', label: 'All that it holds now' },
  { value: 'times', label: 'By time' },
  { value: 'offsets', label: 'By offset' },
]

export function SliceFields({
  slice,
  onChange,
  problems,
}: {
  slice: SliceValues
  onChange: (slice: SliceValues) => void
  problems: FormProblems
}) {
  const field = (name: 'partition' | 'start' | 'end' | 'since' | 'until') => ({
    size: 'xs' as const,
    value: slice[name],
    error: textOf(problems.get(`slice.${name}`)),
  })
  const change = (next: Partial<SliceValues>) => onChange({ ...slice, ...next })
  return (
    <Stack gap="xs">
      <SegmentedControl
        w="fit-content"
        aria-label="Which records"
        data={WAYS}
        value={slice.by}
        onChange={(by) => change({ by: by as SliceValues['by'] })}
      />
      {slice.by === 'times' && (
        <Group gap="sm" align="flex-start">
          <TextInput
            label="From"
            type="datetime-local"
            {...field('since')}
            onChange={(event) => change({ since: event.currentTarget.value })}
          />
          <TextInput
            label="To before"
            type="datetime-local"
            {...field('until')}
            onChange={(event) => change({ until: event.currentTarget.value })}
          />
        </Group>
      )}
      {slice.by === 'offsets' && (
        <Group gap="sm" align="flex-start">
          <NumberInput
            label="Partition"
            placeholder="All"
            w={110}
            min={0}
            {...field('partition')}
            onChange={(partition) => change({ partition })}
          />
          <NumberInput
            label="From offset"
            placeholder="The first"
            w={150}
            min={0}
            {...field('start')}
            onChange={(start) => change({ start })}
          />
          <NumberInput
            label="To offset (exclusive)"
            placeholder="The last"
            w={150}
            min={0}
            {...field('end')}
            onChange={(end) => change({ end })}
          />
        </Group>
      )}
      <FieldError error={textOf([...(problems.get('slice.topic') ?? []), ...(problems.get('slice') ?? [])])} />
      <SmallPrint>What is added to the topic later is not in the data set: a version never changes.</SmallPrint>
    </Stack>
  )
}

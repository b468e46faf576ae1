/**
 * Chooses the records: all that the topic holds now, those of a time range, offsets of a partition, or a stream without
 * end.
 */
import { Group, SegmentedControl, Select, Stack, TextInput } from '@mantine/core'
import { SmallPrint } from '~/components/Dimmed'
import { FieldError } from '~/components/FieldError'
import { NumberField } from '~/components/NumberField'
import { type FormProblems, textOf } from './problems'
import type { SliceValues } from './values'

const WAYS = [
  { value: 'all', label: 'All current records' },
  { value: 'times', label: 'By time' },
  { value: 'offsets', label: 'By offset' },
  { value: 'online', label: 'No end' },
]
const FIRST = [
  { value: 'oldest', label: 'the oldest record' },
  { value: 'now', label: 'now' },
  { value: 'time', label: 'a time' },
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
        size="xs"
        w="fit-content"
        maw="100%"
        aria-label="Records"
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
            label="Until"
            type="datetime-local"
            {...field('until')}
            onChange={(event) => change({ until: event.currentTarget.value })}
          />
        </Group>
      )}
      {slice.by === 'online' && (
        <Group gap="sm" align="flex-start">
          <Select
            size="xs"
            w={170}
            label="From"
            data={FIRST}
            value={slice.from}
            onChange={(from) => from !== null && change({ from: from as SliceValues['from'] })}
          />
          {slice.from === 'time' && (
            <TextInput
              label="Time"
              type="datetime-local"
              {...field('since')}
              onChange={(event) => change({ since: event.currentTarget.value })}
            />
          )}
          <NumberField
            size="xs"
            w={190}
            label="Learn scales from the first"
            suffix=" records"
            min={1}
            max={100_000}
            allowDecimal={false}
            value={slice.fit}
            onChange={(fit) => change({ fit })}
            error={textOf(problems.get('slice.fit_records'))}
          />
        </Group>
      )}
      {slice.by === 'offsets' && (
        <Group gap="sm" align="flex-start">
          <NumberField
            label="Partition"
            placeholder="All"
            w={110}
            min={0}
            {...field('partition')}
            onChange={(partition) => change({ partition })}
          />
          <NumberField
            label="From offset"
            placeholder="The first"
            w={150}
            min={0}
            {...field('start')}
            onChange={(start) => change({ start })}
          />
          <NumberField
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
      <SmallPrint>
        {slice.by === 'online'
          ? 'For incremental training: records are learnt as they arrive. Vocabularies, scales and classes are learnt from the first records and then stay fixed for training and serving.'
          : 'Records added to the topic later are not included: a version never changes.'}
      </SmallPrint>
    </Stack>
  )
}

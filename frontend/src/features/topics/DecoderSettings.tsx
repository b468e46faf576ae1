/** Settings of the decoders that need some: type and shape of RAW numbers, the schema of Avro records. */
import { Autocomplete, Button, Group, Textarea, TextInput } from '@mantine/core'
import { type FormEvent, useState } from 'react'
import type { TopicSearch } from './search'

const TYPES = [
  'uint8',
  'int8',
  'int16',
  'uint16',
  'int32',
  'uint32',
  'int64',
  'uint64',
  'float16',
  'float32',
  'float64',
  '>f4',
  '>f8',
  '>i4',
  '>i8',
  'bool',
  'string',
]

export function DecoderSettings({
  decoder,
  search,
  onSearch,
}: {
  decoder: 'raw' | 'avro'
  search: TopicSearch
  onSearch: (change: TopicSearch) => void
}) {
  const [values, setValues] = useState({
    dtype: search.dtype ?? 'float32',
    shape: search.shape ?? '',
    ltype: search.ltype ?? '',
    lshape: search.lshape ?? '',
    schema: search.schema ?? '',
    lschema: search.lschema ?? '',
  })
  const set = (change: Partial<typeof values>) => setValues({ ...values, ...change })
  const apply = (event: FormEvent) => {
    event.preventDefault()
    const entries = Object.entries(values).map(([name, value]) => [name, value.trim() || undefined])
    onSearch(Object.fromEntries(entries) as TopicSearch)
  }
  return (
    <form onSubmit={apply}>
      <Group gap="sm" align="flex-end">
        {decoder === 'raw' ? (
          <>
            <Autocomplete
              size="xs"
              w={128}
              label="Type"
              data={TYPES}
              value={values.dtype}
              onChange={(dtype) => set({ dtype })}
            />
            <TextInput
              size="xs"
              w={128}
              label="Shape"
              placeholder="28 28"
              value={values.shape}
              onChange={(event) => set({ shape: event.currentTarget.value })}
            />
            <Autocomplete
              size="xs"
              w={148}
              label="Type of the key's label"
              placeholder="none"
              data={TYPES}
              value={values.ltype}
              onChange={(ltype) => set({ ltype })}
            />
            <TextInput
              size="xs"
              w={128}
              label="Shape of the label"
              placeholder="one number"
              value={values.lshape}
              onChange={(event) => set({ lshape: event.currentTarget.value })}
            />
          </>
        ) : (
          <>
            <Textarea
              size="xs"
              w={360}
              maw="100%"
              autosize
              minRows={2}
              maxRows={8}
              label="Schema of values"
              placeholder='{"type": "record", "name": "sample", "fields": [{"name": "x", "type": "float"}]}'
              styles={{ input: { fontFamily: 'monospace' } }}
              value={values.schema}
              onChange={(event) => set({ schema: event.currentTarget.value })}
            />
            <Textarea
              size="xs"
              w={280}
              maw="100%"
              autosize
              minRows={2}
              maxRows={8}
              label="Schema of keys (labels)"
              placeholder="none"
              styles={{ input: { fontFamily: 'monospace' } }}
              value={values.lschema}
              onChange={(event) => set({ lschema: event.currentTarget.value })}
            />
          </>
        )}
        <Button type="submit" size="xs" variant="default">
          Decode
        </Button>
      </Group>
    </form>
  )
}

/** Writes one record to a topic, as any producer would: to try something or to repair a compacted topic. */
import { Button, Checkbox, Group, Select, Textarea, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { IconPlus } from '@tabler/icons-react'
import { CopyAs } from '~/components/CopyAs'
import { FormDialog } from '~/components/FormDialog'
import { type NewRecordRequest, type Topic, topicsRecordsCreate } from '~/lib/api'
import { produceEquivalents } from './producing'

interface Values {
  key: string
  value: string
  tombstone: boolean
  partition: string | null
  headers: { name: string; value: string }[]
}

export function ProduceDialog({ topic, onClose }: { topic: Topic; onClose: () => void }) {
  const form = useForm<Values>({
    initialValues: { key: '', value: '', tombstone: false, partition: null, headers: [] },
  })
  const { values } = form
  const record = recordOf(values)
  return (
    <FormDialog
      title={`Write a record to ${topic.name}`}
      submit="Write"
      size="lg"
      form={form}
      disabled={!values.tombstone && values.value === ''}
      onClose={onClose}
      onSave={async () => {
        const { data: place } = await topicsRecordsCreate({
          path: { name: topic.name },
          body: record,
          throwOnError: true,
        })
        return `Record written: ${place.topic}[${place.partition}]@${place.offset}`
      }}
      aside={<CopyAs equivalents={produceEquivalents(topic.name, record)} />}
    >
      <Textarea
        label="Value"
        description="Written unchanged, as UTF-8"
        placeholder='{"machine": "m7", "temperature": 71.5}'
        autosize
        minRows={4}
        maxRows={14}
        disabled={values.tombstone}
        styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)' } }}
        {...form.getInputProps('value')}
        error={form.errors.value ?? jsonProblem(values)}
      />
      <Checkbox
        label="No value (a tombstone)"
        description="Deletes the key from a compacted topic"
        {...form.getInputProps('tombstone', { type: 'checkbox' })}
      />
      <Group grow align="flex-start">
        <TextInput label="Key" placeholder="None" {...form.getInputProps('key')} />
        <Select
          label="Partition"
          placeholder="By key"
          clearable
          data={topic.partitions.map((partition) => String(partition.partition))}
          {...form.getInputProps('partition')}
        />
      </Group>
      {values.headers.map((_, place) => (
        // Header fields are named by their position only.
        // biome-ignore lint/suspicious/noArrayIndexKey: rows are only added
        <Group key={place} grow>
          <TextInput label="Header" {...form.getInputProps(`headers.${place}.name`)} />
          <TextInput label="Header value" {...form.getInputProps(`headers.${place}.value`)} />
        </Group>
      ))}
      <div>
        <Button
          variant="default"
          leftSection={<IconPlus size={14} aria-hidden />}
          onClick={() => form.insertListItem('headers', { name: '', value: '' })}
        >
          Header
        </Button>
      </div>
    </FormDialog>
  )
}

/** The record to write. An empty key means no key; a header without a name is left out. */
function recordOf({ key, value, tombstone, partition, headers }: Values): NewRecordRequest {
  return {
    value: tombstone ? null : value,
    ...(key !== '' && { key }),
    ...(partition !== null && { partition: Number(partition) }),
    ...(headers.some((header) => header.name) && { headers: headers.filter((header) => header.name) }),
  }
}

/** Warns when the value looks like JSON but is invalid, usually by mistake. The record can be written all the same. */
function jsonProblem({ value, tombstone }: Values): string | undefined {
  if (tombstone || !/^\s*[[{]/.test(value)) return undefined
  try {
    JSON.parse(value)
    return undefined
  } catch (error) {
    return `Not JSON: ${error instanceof Error ? error.message : String(error)}`
  }
}

/** Lets the user say how records are read where that cannot be detected, and asks for the proposal again. */
import { Select, Textarea, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { FormDialog } from '~/components/FormDialog'
import { NumberField } from '~/components/NumberField'
import { type FormatEnum, type ProposalQueryRequest, topicsProposal } from '~/lib/api'

const FORMATS: Record<FormatEnum, string> = {
  JSON: 'JSON objects',
  AVRO: 'Avro',
  PROTOBUF: 'Protobuf of a schema registry',
  CSV: 'CSV lines',
  RAW: 'RAW: the bytes of an array',
  TELEGRAF_STR_JSON: 'Telegraf metrics',
}

/** The label of the schema field, by format. */
const SCHEMAS: Record<string, string> = {
  AVRO: 'Schema of the values, as JSON',
  PROTOBUF: 'Text of the .proto file',
}

export function FormatDialog({
  topic,
  asked,
  onAsked,
  onClose,
}: {
  topic: string
  asked: ProposalQueryRequest
  /** Called when the server has made a proposal for the settings in the dialog. */
  onAsked: (asked: ProposalQueryRequest) => void
  onClose: () => void
}) {
  const form = useForm({
    initialValues: {
      format: asked.format ?? '',
      label: asked.label ?? '',
      data_scheme: asked.data_scheme ?? '',
      message: asked.message ?? '',
      data_type: asked.data_type ?? '',
      data_reshape: asked.data_reshape ?? '',
      delimiter: asked.delimiter ?? '',
      columns: (asked.columns ?? []).join(', '),
      records: (asked.records ?? 1000) as number | string,
    },
  })
  const { format } = form.values
  return (
    <FormDialog
      title="Record format"
      submit="Apply"
      form={form}
      onClose={onClose}
      note="The new proposal replaces your changes."
      onSave={async (values) => {
        const query = queryOf(values)
        await topicsProposal({ path: { name: topic }, body: query, throwOnError: true })
        onAsked(query)
        return 'New proposal'
      }}
    >
      <Select
        label="Format"
        data={[
          { value: '', label: 'detected from the records' },
          ...Object.entries(FORMATS).map(([value, label]) => ({ value, label })),
        ]}
        {...form.getInputProps('format')}
      />
      {SCHEMAS[format] && (
        <Textarea
          label="Schema"
          description={`${SCHEMAS[format]}; not needed if the platform's schema registry has it`}
          autosize
          minRows={3}
          maxRows={12}
          styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)' } }}
          {...form.getInputProps('data_scheme')}
        />
      )}
      {format === 'PROTOBUF' && (
        <TextInput label="Message" placeholder="the first message" {...form.getInputProps('message')} />
      )}
      {format === 'RAW' && (
        <>
          <TextInput label="Number type" placeholder="float32" {...form.getInputProps('data_type')} />
          <TextInput label="Shape of a sample" placeholder="28 28" {...form.getInputProps('data_reshape')} />
        </>
      )}
      {format === 'CSV' && (
        <>
          <TextInput label="Separator" placeholder="," maxLength={1} {...form.getInputProps('delimiter')} />
          <TextInput label="Column names" placeholder="a, b, c" {...form.getInputProps('columns')} />
        </>
      )}
      <TextInput
        label="Label"
        description="The field to predict. _key: the key. none: no label"
        placeholder="detected by name and values"
        {...form.getInputProps('label')}
      />
      <NumberField label="Records to sample" min={10} max={2000} {...form.getInputProps('records')} />
    </FormDialog>
  )
}

interface FormatValues {
  format: string
  label: string
  data_scheme: string
  message: string
  data_type: string
  data_reshape: string
  delimiter: string
  columns: string
  records: number | string
}

/** The request with only the settings that the chosen format takes. */
export function queryOf(values: FormatValues): ProposalQueryRequest {
  const { format, label, records } = values
  const names = values.columns
    .split(',')
    .map((column) => column.trim())
    .filter(Boolean)
  const text = (value: string) => value.trim()
  return {
    ...(format ? { format: format as FormatEnum } : {}),
    ...(text(label) ? { label: text(label) } : {}),
    ...(format === 'PROTOBUF' && text(values.message) ? { message: text(values.message) } : {}),
    ...(SCHEMAS[format] && text(values.data_scheme) ? { data_scheme: text(values.data_scheme) } : {}),
    ...(format === 'RAW' && text(values.data_type) ? { data_type: text(values.data_type) } : {}),
    ...(format === 'RAW' && text(values.data_reshape) ? { data_reshape: text(values.data_reshape) } : {}),
    ...(format === 'CSV' && values.delimiter ? { delimiter: values.delimiter } : {}),
    ...(format === 'CSV' && names.length > 0 ? { columns: names } : {}),
    records: records as number,
  }
}

/** Creates a topic. What is not given is as Kafka is set. */
import { Select, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { CopyAs } from '~/components/CopyAs'
import { FormDialog } from '~/components/FormDialog'
import { NumberField } from '~/components/NumberField'
import { type NewTopicRequest, topicsCreate } from '~/lib/api'
import { plural } from '~/lib/format'
import { newTopicEquivalents } from './producing'

const HOUR_MS = 3_600_000
const RETENTIONS = [
  { value: String(HOUR_MS), label: '1 hour' },
  { value: String(24 * HOUR_MS), label: '1 day' },
  { value: String(7 * 24 * HOUR_MS), label: '7 days' },
  { value: String(30 * 24 * HOUR_MS), label: '30 days' },
  { value: String(365 * 24 * HOUR_MS), label: '1 year' },
  { value: '-1', label: 'Forever' },
]
const MOST_PARTITIONS = 1000

interface Values {
  name: string
  partitions: number | string
  copies: number | string
  retention: string | null
}

export function NewTopicDialog({ onClose, onMade }: { onClose: () => void; onMade: (name: string) => void }) {
  const form = useForm<Values>({
    initialValues: { name: '', partitions: 1, copies: '', retention: null },
    validate: { name: nameProblem },
  })
  const { values } = form
  const body = topicOf(values)
  return (
    <FormDialog
      title="New topic"
      submit="Create"
      form={form}
      disabled={values.name === '' || typeof values.partitions !== 'number'}
      onClose={onClose}
      onDone={() => onMade(values.name)}
      onSave={async () => {
        await topicsCreate({ body, throwOnError: true })
        return `Topic ${body.name} created with ${plural(body.partitions ?? 1, 'partition')}`
      }}
      aside={<CopyAs equivalents={newTopicEquivalents(body)} />}
    >
      <TextInput
        label="Name"
        description="Letters, digits, dots, underscores and hyphens"
        placeholder="machines"
        withAsterisk
        maxLength={249}
        autoComplete="off"
        data-autofocus
        {...form.getInputProps('name')}
        error={form.errors.name ?? (values.name === '' ? null : nameProblem(values.name))}
      />
      <NumberField
        label="Partitions"
        description="As many replicas of an inference can share the work. Their number can grow later, not shrink"
        min={1}
        max={MOST_PARTITIONS}
        allowDecimal={false}
        {...form.getInputProps('partitions')}
      />
      <NumberField
        label="Copies"
        description="Brokers that keep each partition (replication factor)"
        placeholder="As Kafka is set"
        min={1}
        max={100}
        allowDecimal={false}
        {...form.getInputProps('copies')}
        error={form.errors.replication_factor}
      />
      <Select
        label="Records are kept"
        placeholder="As Kafka is set"
        clearable
        data={RETENTIONS}
        {...form.getInputProps('retention')}
      />
    </FormDialog>
  )
}

function topicOf({ name, partitions, copies, retention }: Values): NewTopicRequest {
  return {
    name,
    partitions: Number(partitions),
    ...(copies !== '' && { replication_factor: Number(copies) }),
    ...(retention !== null && { retention_ms: Number(retention) }),
  }
}

/** Says what Kafka would refuse in a name; null if nothing. */
export function nameProblem(name: string): string | null {
  if (name.startsWith('__')) return "Names that begin with __ are for Kafka's own topics"
  if (name === '.' || name === '..') return 'Expected a name other than . and ..'
  const odd = /[^\w.-]/.exec(name)?.[0]
  if (odd === undefined) return null
  return odd === ' '
    ? 'Expected no blanks: use - or _ instead'
    : `Expected no ${odd}: use letters, digits, dots, _ or -`
}

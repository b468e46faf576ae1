/** Changes the name and description of a data set, which is all that can be changed. */
import { Textarea } from '@mantine/core'
import { useForm } from '@mantine/form'
import { FormDialog } from '~/components/FormDialog'
import { LimitedInput } from '~/components/LimitedInput'
import { type Dataset, datasetsPartialUpdate } from '~/lib/api'

export function EditDialog({ dataset, onClose }: { dataset: Dataset; onClose: () => void }) {
  const form = useForm({ initialValues: { name: dataset.name, description: dataset.description } })
  return (
    <FormDialog
      title="Rename"
      submit="Save"
      form={form}
      disabled={form.values.name.trim() === ''}
      onClose={onClose}
      onSave={async (body) => {
        await datasetsPartialUpdate({ path: { id: String(dataset.id) }, body, throwOnError: true })
        return `Data set ${body.name} saved`
      }}
    >
      <LimitedInput label="Name" required limit={100} {...form.getInputProps('name')} />
      <Textarea label="Description" autosize minRows={2} {...form.getInputProps('description')} />
    </FormDialog>
  )
}

/** The form of a configuration: a name and the models in it. */

import { Button, Group, Stack, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { useHotkeys } from '@mantine/hooks'
import { type ReactNode, useState } from 'react'
import { CopyAs, type Equivalents } from '~/components/CopyAs'
import { DraftNote } from '~/components/DraftNote'
import { FormActions } from '~/components/FormParts'
import { LimitedInput } from '~/components/LimitedInput'
import { ProblemAlert } from '~/components/ProblemAlert'
import { UnsavedChanges } from '~/components/UnsavedChanges'
import { useDraft } from '~/lib/drafts'
import { problemOf } from '~/lib/problem'
import { ChosenSummary } from './ChosenSummary'
import { ModelPicker } from './ModelPicker'

export interface ConfigurationValues {
  name: string
  description: string
  models: number[]
}

export function ConfigurationForm({
  draftName,
  initial,
  isNew = false,
  header,
  saveLabel,
  equivalents,
  onSave,
}: {
  draftName: string
  initial: ConfigurationValues
  isNew?: boolean
  header: ReactNode
  saveLabel: string
  equivalents: (values: ConfigurationValues) => Equivalents
  /**
   * Saves the values, or throws a Problem. Returns what to do once the form has released its draft, such as leaving the
   * page.
   */
  onSave: (values: ConfigurationValues) => Promise<() => void>
}) {
  const draft = useDraft<ConfigurationValues>(draftName, initial)
  const form = useForm<ConfigurationValues>({ initialValues: draft.start, onValuesChange: draft.keep })
  const [restored, setRestored] = useState(draft.restored)
  const [saving, setSaving] = useState(false)
  const [refused, setRefused] = useState<unknown>(null)
  const values = form.values
  const changed = JSON.stringify(values) !== JSON.stringify(initial)
  const complete = values.name.trim() !== '' && values.models.length > 0

  const save = async () => {
    if (saving || !complete) return
    setSaving(true)
    setRefused(null)
    form.clearErrors()
    try {
      const leave = await onSave(values)
      draft.forget()
      setRestored(false)
      leave()
    } catch (caught) {
      const refusal = problemOf(caught)
      form.setErrors(refusal.byField())
      if (!refusal.isOnlyAbout(Object.keys(values))) setRefused(caught)
    } finally {
      setSaving(false)
    }
  }
  useHotkeys([['mod+S', () => void save()]], [])

  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        void save()
      }}
    >
      <Stack gap="md">
        {header}
        {restored && changed && (
          <DraftNote
            onDiscard={() => {
              draft.forget()
              form.setValues(initial)
              setRestored(false)
            }}
          />
        )}
        <ProblemAlert error={refused} title="The configuration was not saved" />
        <Group gap="sm" align="flex-start" maw={880} grow preventGrowOverflow={false} wrap="wrap">
          <LimitedInput
            label="Name"
            required
            limit={100}
            miw={240}
            placeholder="mnist"
            {...form.getInputProps('name')}
          />
          <TextInput
            label="Description"
            miw={240}
            placeholder="Why these models belong together"
            {...form.getInputProps('description')}
          />
        </Group>
        <ModelPicker
          value={values.models}
          onChange={(next) => form.setFieldValue('models', next)}
          error={form.errors.models}
          summary={(units) => <ChosenSummary units={units} />}
        />
        <FormActions>
          <Button type="submit" loading={saving} disabled={!complete || (!isNew && !changed)}>
            {saveLabel}
          </Button>
          <CopyAs equivalents={equivalents(values)} />
        </FormActions>
      </Stack>
      <UnsavedChanges changed={changed && !saving} onDiscard={draft.forget} />
    </form>
  )
}

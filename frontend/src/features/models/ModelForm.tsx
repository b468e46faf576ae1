/** The form of a new or existing model: code on the left, the executor's verdict on the right. */

import {
  Alert,
  Button,
  Checkbox,
  Collapse,
  Grid,
  Group,
  Kbd,
  SegmentedControl,
  Stack,
  Text,
  TextInput,
} from '@mantine/core'
import { useForm } from '@mantine/form'
import { useDisclosure, useHotkeys, useLocalStorage } from '@mantine/hooks'
import { modals } from '@mantine/modals'
import { IconChevronDown, IconChevronRight } from '@tabler/icons-react'
import { type ReactNode, useEffect, useMemo, useState } from 'react'
import { CodeEditor } from '~/components/CodeEditor'
import { CopyAs, type Equivalents } from '~/components/CopyAs'
import { Dimmed, SmallPrint } from '~/components/Dimmed'
import { DraftNote } from '~/components/DraftNote'
import { FieldError } from '~/components/FieldError'
import { FormActions } from '~/components/FormParts'
import { LimitedInput, tooLong } from '~/components/LimitedInput'
import { ProblemAlert } from '~/components/ProblemAlert'
import { Toggle } from '~/components/Toggle'
import { UnsavedChanges } from '~/components/UnsavedChanges'
import type { FrameworkEnum, Model, ModelWriteRequest, Report, VerdictError } from '~/lib/api'
import { useDraft } from '~/lib/drafts'
import { useFrameworks } from '~/lib/frameworks'
import { problemOf } from '~/lib/problem'
import { CodeTools } from './CodeTools'
import { HowToWrite } from './HowToWrite'
import { ModelChain } from './ModelChain'
import { type ModelValues, requestOf, sourceOf, valuesOfTemplate, verdictErrorOf } from './source'
import { TemplatePicker } from './TemplatePicker'
import { TEMPLATES, type Template } from './templates'
import { UpperModelSelect } from './UpperModelSelect'
import { useVerdict } from './useVerdict'
import { VerdictPanel } from './VerdictPanel'
import { writingOf } from './writing'

const MAX_NAME = 100

export function ModelForm({
  draftName,
  initial,
  saved,
  header,
  saveLabel,
  equivalents,
  onSave,
}: {
  draftName: string
  initial: ModelValues
  /** The stored model; undefined for a new one. */
  saved?: Model
  /** Content above the form, with the buttons to save. */
  header: ReactNode
  saveLabel: string
  equivalents: (values: ModelValues) => Equivalents
  /**
   * Saves the values, or throws a Problem. Returns what to do once the form has released its draft, such as leaving the
   * page.
   */
  onSave: (request: ModelWriteRequest) => Promise<() => void>
}) {
  const frameworks = useFrameworks()
  const draft = useDraft<ModelValues>(draftName, initial)
  const form = useForm<ModelValues>({ initialValues: draft.start, onValuesChange: draft.keep })
  const values = form.values
  const changed = JSON.stringify(values) !== JSON.stringify(initial)
  const [auto, setAuto] = useLocalStorage({ key: 'kml-check-as-i-type', defaultValue: true })
  const known: Report | null = saved && JSON.stringify(draft.start) === JSON.stringify(initial) ? saved.report : null
  const { checked, current, problem, checking, began, cancelled, check, cancel, refuse } = useVerdict(
    sourceOf(values),
    {
      auto,
      known,
    },
  )
  const [reveal, setReveal] = useState<{ source: string; line: number }>()
  const [saving, setSaving] = useState(false)
  const [refused, setRefused] = useState<unknown>(null)
  const [restored, setRestored] = useState(draft.restored)
  const [withImports, importsAre] = useDisclosure(values.imports !== '')

  const error = checked?.verdict.error ?? null
  useEffect(() => {
    if (error?.source === 'imports') importsAre.open()
  }, [error, importsAre.open])
  const diagnostics = useMemo(() => {
    const of = (source: string) =>
      error && error.line !== null && (error.source === 'imports' ? 'imports' : 'code') === source
        ? [{ line: error.line, message: [error.message, error.hint].filter(Boolean).join('\n') }]
        : []
    return { code: of('code'), imports: of('imports') }
  }, [error])

  const save = async () => {
    if (saving || off !== null) return
    setSaving(true)
    setRefused(null)
    form.clearErrors()
    try {
      const leave = await onSave(requestOf(values))
      draft.forget()
      setRestored(false)
      leave()
    } catch (caught) {
      const verdict = verdictErrorOf(caught)
      if (verdict) refuse(verdict)
      else {
        const refusal = problemOf(caught)
        form.setErrors(refusal.byField())
        if (refusal.isOnlyAbout(['imports'])) importsAre.open()
        if (!refusal.isOnlyAbout(Object.keys(values))) setRefused(caught)
      }
    } finally {
      setSaving(false)
    }
  }
  useHotkeys(
    [
      ['mod+S', () => void save()],
      ['mod+Enter', () => void check()],
    ],
    [],
    true,
  )

  const begin = (next: ModelValues) => {
    form.setValues({
      ...next,
      name: values.name && !isTemplateName(values.name) ? values.name : next.name,
      upper_model: next.distributed && values.distributed ? values.upper_model : next.upper_model,
    })
  }
  const replace = (next: ModelValues) => {
    if (values.code.trim() === '' || isTemplateCode(values.code)) begin(next)
    else
      modals.openConfirmModal({
        title: 'Replace your code?',
        centered: true,
        children: <Text size="sm">This replaces the code in the editor. Undo in the editor restores it.</Text>,
        labels: { confirm: 'Replace', cancel: 'Keep' },
        onConfirm: () => begin(next),
      })
  }
  const chooseFramework = (framework: FrameworkEnum) => {
    const now = TEMPLATES.find((template) => template.code === values.code)
    const same = TEMPLATES.find((template) => template.title === now?.title && template.framework === framework)
    if (same) begin(valuesOfTemplate(same))
    else form.setFieldValue('framework', framework)
  }
  const goTo = ({ source, line }: VerdictError) => {
    if (line !== null) setReveal({ source: source === 'imports' ? 'imports' : 'code', line })
  }
  const discard = () => {
    draft.forget()
    form.setValues(initial)
    setRestored(false)
  }

  // When somebody else saves the model, untouched fields follow it and edited ones stay.
  const initialText = JSON.stringify(initial)
  const [base, setBase] = useState(initialText)
  const valuesText = JSON.stringify(values)
  const elsewhere = base !== initialText && valuesText !== initialText
  const { setValues } = form
  useEffect(() => {
    if (base === initialText) return
    if (valuesText === base) setValues(JSON.parse(initialText) as ModelValues)
    if (valuesText === base || valuesText === initialText) setBase(initialText)
  }, [base, initialText, valuesText, setValues])

  const off = whyOff({
    values,
    unchanged: saved !== undefined && !changed,
    checking,
    invalid: current && checked?.verdict.valid === false,
  })
  return (
    <Stack gap="md">
      {header}
      {restored && changed && <DraftNote onDiscard={discard} />}
      {elsewhere && (
        <Alert color="yellow" title="Changed elsewhere">
          <Group justify="space-between" gap="xs">
            <Text size="sm">Somebody saved this model while you were editing. Saving overwrites their changes.</Text>
            <Button variant="default" onClick={discard}>
              Load their version
            </Button>
          </Group>
        </Alert>
      )}
      <ProblemAlert error={refused} title="The model was not saved" />
      <Grid gap="lg">
        <Grid.Col span={{ base: 12, md: 7 }}>
          <Stack gap="sm">
            {frameworks.length > 0 && (
              <SegmentedControl
                aria-label="Framework"
                data={frameworks.map(({ name, title }) => ({ value: name, label: title }))}
                value={values.framework}
                onChange={(next) => chooseFramework(next as FrameworkEnum)}
                size="sm"
                style={{ alignSelf: 'flex-start' }}
              />
            )}
            <FieldError error={form.errors.framework} />
            <Group gap="sm" grow align="flex-start" preventGrowOverflow={false} wrap="wrap">
              <LimitedInput
                label="Name"
                required
                limit={MAX_NAME}
                miw={200}
                placeholder="mnist-dense"
                {...form.getInputProps('name')}
              />
              <TextInput
                label="Description"
                miw={200}
                placeholder="What it predicts, and from what"
                {...form.getInputProps('description')}
              />
            </Group>
            {(values.distributed || frameworks.find(({ name }) => name === values.framework)?.chain !== null) && (
              <Checkbox
                label="Distributed: a sub-model of a chain, from the edge to the cloud"
                description="It answers the samples about which it is confident, and sends the rest up to the sub-model above"
                checked={values.distributed}
                onChange={(event) => form.setFieldValue('distributed', event.currentTarget.checked)}
                error={form.errors.distributed}
              />
            )}
            {values.distributed && (
              <UpperModelSelect
                own={saved?.id}
                framework={values.framework}
                value={values.upper_model}
                onChange={(next) => form.setFieldValue('upper_model', next)}
                error={form.errors.upper_model}
              />
            )}
            {values.code.trim() === '' && (
              <TemplatePicker
                framework={values.framework}
                distributed={values.distributed}
                onPick={(template: Template) => replace(valuesOfTemplate(template))}
              />
            )}
            <HowToWrite framework={values.framework} distributed={values.distributed} />
            <Fold
              opened={withImports}
              onToggle={importsAre.toggle}
              label="Imports and functions"
              note="optional, run before the code"
            >
              <CodeEditor
                label="Imports"
                hideLabel
                value={values.imports}
                onChange={(next) => form.setFieldValue('imports', next)}
                diagnostics={diagnostics.imports}
                reveal={reveal?.source === 'imports' ? reveal : undefined}
                onSubmit={() => void check()}
                minHeight={60}
                maxHeight={280}
              />
              <FieldError error={form.errors.imports} />
            </Fold>
            <CodeEditor
              label="Code"
              value={values.code}
              onChange={(next) => form.setFieldValue('code', next)}
              diagnostics={diagnostics.code}
              reveal={reveal?.source === 'code' ? reveal : undefined}
              onSubmit={() => void check()}
              minHeight={280}
              maxHeight={560}
              placeholder={writingOf(values.framework)?.begins ?? ''}
              actions={
                <CodeTools
                  values={values}
                  onTemplate={(template) => replace(valuesOfTemplate(template))}
                  onFile={(file) => replace({ ...values, ...file, name: values.name || file.name })}
                />
              }
            />
            <FieldError error={form.errors.code} />
            <Group gap="md" justify="space-between">
              <Toggle label="Check as I type" checked={auto} onChange={setAuto} />
              <SmallPrint visibleFrom="sm">
                <Kbd size="xs">Ctrl</Kbd> <Kbd size="xs">Enter</Kbd> validates, <Kbd size="xs">Ctrl</Kbd>{' '}
                <Kbd size="xs">S</Kbd> saves
              </SmallPrint>
            </Group>
          </Stack>
        </Grid.Col>
        <Grid.Col span={{ base: 12, md: 5 }}>
          <Stack gap="lg">
            {values.distributed && (
              <ModelChain
                own={saved?.id}
                name={values.name}
                upper={values.upper_model}
                report={current ? (checked?.verdict.report ?? null) : null}
              />
            )}
            {checked === null && !checking && problem === null ? (
              <Stack gap={4}>
                <Text size="sm" fw={500}>
                  {cancelled ? 'The check was cancelled' : "The model's summary appears here"}
                </Text>
                <Dimmed>
                  {cancelled
                    ? 'Nothing is known of this code. Validate checks it again, and so does saving.'
                    : 'Once there is code, it runs in isolation. Layers, shapes and parameters appear here, or the failing line is marked with the reason.'}
                </Dimmed>
              </Stack>
            ) : (
              <VerdictPanel
                {...{ checked, current, checking, began, problem }}
                onCheck={() => void check()}
                onCancel={cancel}
                onLine={goTo}
              />
            )}
          </Stack>
        </Grid.Col>
      </Grid>
      <FormActions>
        <Button
          onClick={() => void save()}
          loading={saving}
          disabled={off !== null}
          {...(off && { 'aria-describedby': 'save-off' })}
        >
          {saveLabel}
        </Button>
        <Button variant="default" onClick={() => void check()} loading={checking} disabled={!values.code.trim()}>
          Validate
        </Button>
        <CopyAs equivalents={equivalents(values)} />
        {off && !saving && (
          <Text id="save-off" size="xs" c="dimmed">
            {off}
          </Text>
        )}
      </FormActions>
      <UnsavedChanges changed={changed && !saving} onDiscard={draft.forget} />
    </Stack>
  )
}

/** Why the model cannot be saved now; null when it can. */
function whyOff({
  values,
  unchanged,
  checking,
  invalid,
}: {
  values: ModelValues
  unchanged: boolean
  checking: boolean
  invalid: boolean
}): string | null {
  if (!values.code.trim()) return 'No code yet'
  if (!values.name.trim()) return 'It needs a name'
  if (tooLong(values.name, MAX_NAME)) return 'The name is too long'
  if (unchanged) return 'Nothing was changed'
  if (checking) return 'The code is being checked'
  return invalid ? 'The code is not valid' : null
}

function isTemplateCode(code: string): boolean {
  return TEMPLATES.some((template) => template.code === code)
}

function isTemplateName(name: string): boolean {
  return TEMPLATES.some((template) => template.name === name)
}

function Fold({
  opened,
  onToggle,
  label,
  note,
  children,
}: {
  opened: boolean
  onToggle: () => void
  label: string
  note: string
  children: ReactNode
}) {
  const Icon = opened ? IconChevronDown : IconChevronRight
  return (
    <div>
      <Button
        size="compact-sm"
        variant="subtle"
        color="gray"
        px={4}
        onClick={onToggle}
        aria-expanded={opened}
        leftSection={<Icon size={14} aria-hidden />}
      >
        {label}
        <Text span size="xs" c="dimmed" ml={6} visibleFrom="xs">
          {note}
        </Text>
      </Button>
      <Collapse expanded={opened} keepMounted={false} pt={4}>
        {children}
      </Collapse>
    </div>
  )
}

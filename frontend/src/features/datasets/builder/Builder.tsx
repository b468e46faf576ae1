/** The builder of data sets: fields, columns, label, window and split; next to them what the model would get. */

import { Button, Grid, Group, Stack, Text } from '@mantine/core'
import { useState } from 'react'
import { TopicLink } from '~/components/ButtonLink'
import { CopyAs } from '~/components/CopyAs'
import { Remarks } from '~/components/contract/Remarks'
import { DraftNote } from '~/components/DraftNote'
import { FieldError } from '~/components/FieldError'
import { FormActions } from '~/components/FormParts'
import { ProblemAlert } from '~/components/ProblemAlert'
import { Section } from '~/components/Section'
import { UnsavedChanges } from '~/components/UnsavedChanges'
import type { Dataset, PreviewColumn, Proposal } from '~/lib/api'
import { useDraft } from '~/lib/drafts'
import { plural } from '~/lib/format'
import { type Problem, problemOf } from '~/lib/problem'
import { createEquivalents } from '../equivalents'
import { ColumnList } from './ColumnList'
import { FieldTable } from './FieldTable'
import { FormatDialog } from './FormatDialog'
import { LabelFields } from './LabelFields'
import { NameFields } from './NameFields'
import { PreviewPanel } from './PreviewPanel'
import { both, elsewhere, NO_PROBLEMS, ofRefusal, textOf } from './problems'
import { RuleFields } from './RuleFields'
import { SliceFields } from './SliceFields'
import { type Previewed, usePreview } from './usePreview'
import { type BuilderValues, isShown, versionOf } from './values'

export interface BuilderProps {
  topic: string
  /** The data set to which the new version belongs; undefined for a new data set. */
  from: Dataset | undefined
  /** The proposal made from the records; undefined when the records could not be read. */
  proposal: Proposal | undefined
  initial: BuilderValues
  draftName: string
  /** Saves the values, or throws a Problem. Returns what to do once the form has released its draft. */
  onSave: (values: BuilderValues, train: boolean) => Promise<() => void>
  /** Called when the user wants the records read in another format. */
  onAsked: (asked: BuilderValues['asked']) => void
}

export function Builder(props: BuilderProps) {
  const { topic, from, proposal, initial, draftName, onSave, onAsked } = props
  const draft = useDraft<BuilderValues>(draftName, initial)
  const [values, setValues] = useState(draft.start)
  const [restored, setRestored] = useState(draft.restored)
  const [saving, setSaving] = useState<'create' | 'train' | null>(null)
  const [refused, setRefused] = useState<{ problem: Problem; values: BuilderValues } | null>(null)
  const [reading, setReading] = useState(false)
  const preview = usePreview(topic, values)
  const change = (next: Partial<BuilderValues>) => {
    const changed = { ...values, ...next }
    setValues(changed)
    draft.keep(changed)
  }
  // A refusal counts only until the values change, because the user may have fixed them.
  const refusal = refused?.values === values ? ofRefusal(refused.problem, values) : NO_PROBLEMS
  const problems = both(preview.problems, refusal)
  const hidden = elsewhere(problems, isShown)
  const changed = JSON.stringify(values) !== JSON.stringify(initial)

  const save = async (train: boolean) => {
    setSaving(train ? 'train' : 'create')
    setRefused(null)
    try {
      const leave = await onSave(values, train)
      draft.forget()
      leave()
    } catch (caught) {
      setRefused({ problem: problemOf(caught), values })
      setSaving(null)
    }
  }
  return (
    <>
      <Stack gap="lg">
        {restored && changed && (
          <DraftNote
            onDiscard={() => {
              draft.forget()
              setValues(initial)
              setRestored(false)
            }}
          />
        )}
        <Grid gap="xl">
          <Grid.Col span={{ base: 12, lg: 7 }}>
            <Stack gap="lg">
              <Section title="Records">
                <Stack gap="sm">
                  <Group gap="sm">
                    <Text size="sm" component="div">
                      {values.format} of <TopicLink name={topic} />
                      {proposal && `; ${plural(proposal.sampled, 'record')} sampled`}
                    </Text>
                    <Button size="compact-xs" variant="subtle" onClick={() => setReading(true)}>
                      Change format
                    </Button>
                  </Group>
                  <FieldError
                    error={textOf([...(problems.get('format') ?? []), ...(problems.get('format_config') ?? [])])}
                  />
                  <SliceFields slice={values.slice} onChange={(slice) => change({ slice })} problems={problems} />
                </Stack>
              </Section>
              {proposal && (
                <Section title="Fields">
                  <Stack gap="sm">
                    <Remarks
                      label="Remarks"
                      name={topic}
                      remarks={proposal.remarks.filter((remark) => remark.path.length === 0)}
                    />
                    <FieldTable topic={topic} proposal={proposal} values={values} onChange={change} />
                  </Stack>
                </Section>
              )}
              <Section title={`Columns (${values.columns.length})`}>
                <ColumnList
                  columns={values.columns}
                  onChange={(columns) => change({ columns })}
                  problems={problems}
                  previewed={previewedColumns(preview.previewed)}
                />
              </Section>
              <Section title="Label">
                <LabelFields
                  labels={values.labels}
                  onChange={(labels) => change({ labels })}
                  problems={problems}
                  proposal={proposal}
                />
              </Section>
              <Section title="Key, window and split">
                <RuleFields values={values} onChange={change} problems={problems} proposal={proposal} />
              </Section>
            </Stack>
          </Grid.Col>
          <Grid.Col span={{ base: 12, lg: 5 }}>
            <PreviewPanel
              topic={topic}
              preview={preview.previewed?.preview}
              stale={preview.stale}
              error={preview.error}
              onRetry={preview.retry}
            />
          </Grid.Col>
        </Grid>
        {hidden.map(([place, problem]) => (
          <FieldError key={`${place}:${problem.message}`} error={`${place}: ${textOf([problem])}`} />
        ))}
        {refusal.size === 0 && refused?.values === values && (
          <ProblemAlert error={refused.problem} title="The data set was not created" />
        )}
        <NameFields values={values} from={from} onChange={change} problems={problems} />
        <FormActions>
          <Button loading={saving === 'create'} disabled={!complete(values, from)} onClick={() => void save(false)}>
            {from ? 'Create version' : 'Create data set'}
          </Button>
          <Button
            variant="default"
            loading={saving === 'train'}
            disabled={!complete(values, from)}
            onClick={() => void save(true)}
          >
            Create and train
          </Button>
          <CopyAs
            equivalents={createEquivalents(
              {
                ...versionOf(topic, values),
                ...(from ? {} : { name: values.name, description: values.description }),
              },
              from?.id,
            )}
          />
        </FormActions>
      </Stack>
      {reading && (
        <FormatDialog
          topic={topic}
          asked={values.asked}
          onClose={() => setReading(false)}
          onAsked={(asked) => {
            draft.forget()
            onAsked(asked)
          }}
        />
      )}
      <UnsavedChanges changed={changed && saving === null} onDiscard={draft.forget} />
    </>
  )
}

function complete(values: BuilderValues, from: Dataset | undefined): boolean {
  return values.columns.length > 0 && (from !== undefined || values.name.trim() !== '')
}

/** The previewed columns by id, because columns may have moved since the preview was requested. */
function previewedColumns(previewed: Previewed | null): ReadonlyMap<number, PreviewColumn> {
  const found = new Map<number, PreviewColumn>()
  for (const column of previewed?.preview.columns ?? []) {
    const [list, place] = column.place.split('.')
    const id = previewed?.values.columns[Number(place)]?.id
    if (list === 'columns' && id !== undefined) found.set(id, column)
  }
  return found
}

/** The label to predict: one class, one or several numbers, or none. */
import { ActionIcon, Button, SegmentedControl, Stack, TagsInput, Text, TextInput } from '@mantine/core'
import { IconPlus, IconTrash } from '@tabler/icons-react'
import { FieldError } from '~/components/FieldError'
import type { Proposal } from '~/lib/api'
import classes from './Builder.module.css'
import { ExpressionInput } from './ExpressionInput'
import { type FormProblems, textOf } from './problems'
import type { LabelValues } from './values'

export function LabelFields({
  labels,
  onChange,
  problems,
  proposal,
}: {
  labels: readonly LabelValues[]
  onChange: (labels: readonly LabelValues[]) => void
  problems: FormProblems
  proposal: Proposal | undefined
}) {
  const change = (id: number, next: Partial<LabelValues>) =>
    onChange(labels.map((label) => (label.id === id ? { ...label, ...next } : label)))
  const proposed = proposal?.label
  return (
    <Stack gap="xs" align="flex-start">
      {labels.length === 0 && <Text size="sm">No label: for autoencoders.</Text>}
      {labels.length > 0 && (
        <ul className={classes.columns} style={{ width: '100%' }}>
          {/* Drafts of older versions have no classes. */}
          {labels.map(({ id, name, expression, kind, classes: named = [] }) => (
            <li key={id} aria-label={`Label ${name}`}>
              <div className={classes.names}>
                <TextInput
                  size="xs"
                  aria-label="Name of the label"
                  maxLength={200}
                  value={name}
                  onChange={(event) => change(id, { name: event.currentTarget.value })}
                  error={textOf([
                    ...(problems.get(`labels.${id}.name`) ?? []),
                    ...(problems.get(`labels.${id}`) ?? []),
                  ])}
                />
                <div className={classes.expression}>
                  <ExpressionInput
                    aria-label={`Expression of the label ${name}`}
                    value={expression}
                    onChange={(next) => change(id, { expression: next })}
                    problems={problems.get(`labels.${id}.expression`)}
                  />
                </div>
                <ActionIcon
                  variant="subtle"
                  color="gray"
                  aria-label={`Remove the label ${name}`}
                  onClick={() => onChange(labels.filter((label) => label.id !== id))}
                >
                  <IconTrash size={16} aria-hidden />
                </ActionIcon>
              </div>
              <SegmentedControl
                mt={6}
                aria-label={`Kind of the label ${name}`}
                data={[
                  { value: 'class', label: 'A class' },
                  { value: 'number', label: 'A number' },
                ]}
                value={kind}
                onChange={(next) => change(id, { kind: next as LabelValues['kind'] })}
              />
              <FieldError error={textOf(problems.get(`labels.${id}.kind`))} />
              {kind === 'class' && (
                <TagsInput
                  mt={6}
                  maw={420}
                  size="xs"
                  label="Classes"
                  placeholder={named.length === 0 ? 'Those in the training data' : ''}
                  description="In the order of the model's outputs. Records of other classes are skipped"
                  value={named}
                  onChange={(next) => change(id, { classes: next })}
                  error={textOf(problems.get(`labels.${id}.classes`))}
                />
              )}
              {proposed && proposed.expression === expression && (
                <Text size="xs" c="dimmed" mt={2}>
                  Why proposed: {proposed.why}
                </Text>
              )}
            </li>
          ))}
        </ul>
      )}
      <FieldError error={textOf(problems.get('labels'))} />
      <Button
        variant="default"
        leftSection={<IconPlus size={14} aria-hidden />}
        onClick={() =>
          onChange([
            ...labels,
            {
              id: 1 + Math.max(-1, ...labels.map((label) => label.id)),
              name: 'label',
              expression: '',
              kind: 'number',
              classes: [],
            },
          ])
        }
      >
        Add a label
      </Button>
    </Stack>
  )
}

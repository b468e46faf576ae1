/** One column: its name, its expression and, once opened, how its values become numbers. */
import { ActionIcon, Box, Button, Group, Select, TextInput } from '@mantine/core'
import { IconTrash } from '@tabler/icons-react'
import { useState } from 'react'
import { ENCODINGS, MISSING, SCALABLE, SCALINGS, SHAPED } from '~/components/contract/words'
import { SmallPrint } from '~/components/Dimmed'
import { Histogram } from '~/components/Histogram'
import type { PreviewColumn } from '~/lib/api'
import classes from './Builder.module.css'
import { ExpressionInput } from './ExpressionInput'
import { type FormProblems, textOf } from './problems'
import { type ColumnValues, columnText } from './values'

const SETTINGS = ['encoding', 'shape', 'missing', 'constant', 'scaling', 'input'] as const

export function ColumnRow({
  column,
  problems,
  previewed,
  onChange,
  onRemove,
}: {
  column: ColumnValues
  problems: FormProblems
  previewed: PreviewColumn | undefined
  onChange: (change: Partial<ColumnValues>) => void
  onRemove: () => void
}) {
  const [opened, setOpened] = useState(false)
  const of = (field: string) => problems.get(`columns.${column.id}.${field}`)
  // Settings with an error are always shown.
  const wrong = SETTINGS.some((setting) => of(setting))
  const called = column.name || 'the column'
  return (
    <li aria-label={`Column ${column.name}`}>
      <div className={classes.names}>
        <TextInput
          size="xs"
          aria-label="Name of the column"
          maxLength={200}
          value={column.name}
          onChange={(event) => onChange({ name: event.currentTarget.value })}
          error={textOf([...(of('name') ?? []), ...(problems.get(`columns.${column.id}`) ?? [])])}
        />
        <Box className={classes.expression}>
          <ExpressionInput
            aria-label={`Expression of ${called}`}
            value={column.expression}
            onChange={(expression) => onChange({ expression })}
            problems={of('expression')}
          />
        </Box>
        <ActionIcon variant="subtle" color="gray" aria-label={`Remove ${called}`} onClick={onRemove}>
          <IconTrash size={16} aria-hidden />
        </ActionIcon>
      </div>
      <div className={classes.about}>
        <Group gap={6} style={{ minWidth: 0 }}>
          <SmallPrint>{columnText(column)}</SmallPrint>
          {!wrong && (
            <Button
              size="compact-xs"
              variant="subtle"
              aria-expanded={opened}
              aria-label={`${opened ? 'Hide the settings' : 'Change the settings'} of ${called}`}
              onClick={() => setOpened(!opened)}
            >
              {opened ? 'Hide' : 'Change'}
            </Button>
          )}
        </Group>
        {previewed && (
          <Histogram
            label={`Values of ${called}`}
            numbers={previewed.numbers}
            top={previewed.top}
            times={previewed.kind === 'time'}
          />
        )}
      </div>
      {(opened || wrong) && (
        <Group gap="xs" mt={4} align="flex-start">
          <Choice
            label="Becomes"
            words={ENCODINGS}
            value={column.encoding}
            onChange={(encoding) => onChange({ encoding })}
            error={textOf(of('encoding'))}
          />
          {SHAPED.has(column.encoding) && (
            <TextInput
              size="xs"
              w={110}
              label="Shape"
              placeholder="28 28 1"
              value={column.shape}
              onChange={(event) => onChange({ shape: event.currentTarget.value })}
              error={textOf(of('shape'))}
            />
          )}
          <Choice
            label="If missing"
            words={MISSING}
            value={column.missing}
            onChange={(missing) => onChange({ missing })}
            error={textOf(of('missing'))}
          />
          {column.missing === 'constant' && (
            <TextInput
              size="xs"
              w={110}
              label="Constant"
              value={column.constant}
              onChange={(event) => onChange({ constant: event.currentTarget.value })}
              error={textOf(of('constant'))}
            />
          )}
          {SCALABLE.has(column.encoding) && (
            <Choice
              label="Scaled"
              words={SCALINGS}
              value={column.scaling}
              onChange={(scaling) => onChange({ scaling })}
              error={textOf(of('scaling'))}
            />
          )}
          <TextInput
            size="xs"
            w={140}
            label="Input of the model"
            placeholder="the only input"
            maxLength={200}
            value={column.input}
            onChange={(event) => onChange({ input: event.currentTarget.value.trim() })}
            error={textOf(of('input'))}
          />
        </Group>
      )}
    </li>
  )
}

function Choice<Value extends string>({
  label,
  words,
  value,
  onChange,
  error,
}: {
  label: string
  words: Record<Value, string>
  value: Value
  onChange: (value: Value) => void
  error: string | undefined
}) {
  return (
    <Select
      size="xs"
      w={180}
      label={label}
      data={Object.entries(words).map(([word, text]) => ({ value: word, label: text as string }))}
      value={value}
      onChange={(next) => next !== null && onChange(next as Value)}
      error={error}
    />
  )
}

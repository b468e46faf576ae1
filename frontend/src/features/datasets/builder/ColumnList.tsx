/** The columns of a sample: name, expression, and how its values become numbers. */
import { Button, Group, Stack } from '@mantine/core'
import { IconPlus } from '@tabler/icons-react'
import { useState } from 'react'
import { SmallPrint } from '~/components/Dimmed'
import { FieldError } from '~/components/FieldError'
import type { PreviewColumn } from '~/lib/api'
import { formatCount } from '~/lib/format'
import classes from './Builder.module.css'
import { ColumnRow } from './ColumnRow'
import { type FormProblems, textOf } from './problems'
import { type ColumnValues, emptyColumn } from './values'

/** The most columns shown at first. */
const MOST = 40

export function ColumnList({
  columns,
  onChange,
  problems,
  previewed,
}: {
  columns: readonly ColumnValues[]
  onChange: (columns: readonly ColumnValues[]) => void
  problems: FormProblems
  /** The preview of each column, by the column's id. */
  previewed: ReadonlyMap<number, PreviewColumn>
}) {
  const [all, setAll] = useState(false)
  const shown = all ? columns : columns.slice(0, MOST)
  return (
    <Stack gap="xs" align="flex-start">
      {columns.length > 0 && (
        <ul className={classes.columns} style={{ width: '100%' }}>
          {shown.map((values) => (
            <ColumnRow
              key={values.id}
              column={values}
              problems={problems}
              previewed={previewed.get(values.id)}
              onChange={(change) =>
                onChange(columns.map((other) => (other.id === values.id ? { ...other, ...change } : other)))
              }
              onRemove={() => onChange(columns.filter((other) => other.id !== values.id))}
            />
          ))}
        </ul>
      )}
      <FieldError error={textOf(problems.get('columns'))} />
      <Group gap="sm">
        <Button
          variant="default"
          leftSection={<IconPlus size={14} aria-hidden />}
          onClick={() => onChange([...columns, emptyColumn(columns)])}
        >
          Add a column
        </Button>
        {shown.length < columns.length && (
          <Button size="compact-xs" variant="subtle" onClick={() => setAll(true)}>
            Show {formatCount(columns.length - shown.length)} more
          </Button>
        )}
        <SmallPrint>SQL over the fields, _key, _timestamp, _partition and _headers.NAME</SmallPrint>
      </Group>
    </Stack>
  )
}

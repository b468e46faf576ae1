/** The fields of the records: their values, remarks on them, and which of them are learnt. */
import { Badge, Button, Checkbox, Group, Text, VisuallyHidden } from '@mantine/core'
import { useState } from 'react'
import { Remarks } from '~/components/contract/Remarks'
import { KINDS } from '~/components/contract/words'
import { SmallPrint } from '~/components/Dimmed'
import { Histogram } from '~/components/Histogram'
import { RowMenu } from '~/components/RowMenu'
import { RowTable } from '~/components/RowTable'
import type { FieldSummary, Proposal } from '~/lib/api'
import { formatCount, formatPercent, formatShape, NONE } from '~/lib/format'
import { type BuilderValues, columnOfField, columnsOfField, pathKey } from './values'

/** The most fields shown at first. */
const MOST = 40

export function FieldTable({
  proposal,
  values,
  onChange,
  topic,
}: {
  /** The topic under which hidden remarks are remembered. */
  topic: string
  proposal: Proposal
  values: BuilderValues
  onChange: (change: Partial<BuilderValues>) => void
}) {
  const [all, setAll] = useState(false)
  const shown = all ? proposal.fields : proposal.fields.slice(0, MOST)
  const rest = proposal.fields.length - shown.length
  return (
    <>
      <RowTable
        label="Fields of the records"
        minWidth={420}
        horizontalSpacing={8}
        rows={shown}
        rowKey={pathKey}
        columns={[
          {
            title: 'Use',
            w: 44,
            cell: (field) => <Tick field={field} proposal={proposal} values={values} onChange={onChange} />,
          },
          {
            title: 'Field',
            rowHead: true,
            cell: (field) => <FieldName field={field} proposal={proposal} values={values} topic={topic} />,
            td: { miw: 150 },
          },
          {
            title: 'Distinct',
            right: true,
            cell: (field) => (
              <>
                {field.kind === 'numbers' ? NONE : `${formatCount(field.distinct)}${field.more ? '+' : ''}`}
                {field.missing > 0 && <SmallPrint>{formatPercent(field.missing)} missing</SmallPrint>}
              </>
            ),
          },
          {
            title: 'Values',
            cell: (field) => (
              <Histogram
                label={field.path.join('.')}
                numbers={field.numbers}
                top={field.top}
                times={field.kind === 'time'}
              />
            ),
          },
          {
            title: <VisuallyHidden>More</VisuallyHidden>,
            w: 36,
            cell: (field) => (
              <RowMenu
                name={field.path.join('.')}
                actions={[
                  { label: 'Use as label', onClick: () => onChange(asLabel(field, proposal, values)) },
                  {
                    label: 'Add another column',
                    onClick: () => onChange({ columns: [...values.columns, columnOfField(field, values.columns)] }),
                  },
                ]}
              />
            ),
          },
        ]}
      />
      {rest > 0 && (
        <Button size="compact-xs" variant="subtle" mt={4} onClick={() => setAll(true)}>
          Show {formatCount(rest)} more
        </Button>
      )}
    </>
  )
}

/** Makes the field the only label. Columns that read it are removed, because they would give the label away. */
function asLabel(field: FieldSummary, proposal: Proposal, values: BuilderValues): Partial<BuilderValues> {
  const kind = field.kind === 'number' ? 'number' : 'class'
  const { all } = columnsOfField(field, values.columns, proposal.fields)
  return {
    columns: values.columns.filter((column) => !all.includes(column)),
    labels: [{ id: 0, name: field.path.at(-1) ?? '', expression: field.expression, kind, classes: [] }],
  }
}

function Tick({
  field,
  proposal,
  values,
  onChange,
}: {
  field: FieldSummary
  proposal: Proposal
  values: BuilderValues
  onChange: (change: Partial<BuilderValues>) => void
}) {
  const { all, alone } = columnsOfField(field, values.columns, proposal.fields)
  return (
    <Checkbox
      size="xs"
      aria-label={`Use ${field.path.join('.')}`}
      checked={alone.length > 0}
      // The box is indeterminate when columns read the field only together with other fields. Those columns stay.
      indeterminate={alone.length === 0 && all.length > 0}
      onChange={() =>
        onChange({
          columns:
            alone.length === 0
              ? [...values.columns, columnOfField(field, values.columns)]
              : values.columns.filter((column) => !alone.includes(column)),
        })
      }
    />
  )
}

function FieldName({
  field,
  proposal,
  values,
  topic,
}: {
  field: FieldSummary
  proposal: Proposal
  values: BuilderValues
  topic: string
}) {
  const remarks = proposal.remarks.filter((remark) => pathKey(remark) === pathKey(field))
  const label = values.labels.some((labelValues) => labelValues.expression === field.expression)
  const used = columnsOfField(field, values.columns, proposal.fields).all.length > 0
  return (
    <>
      <Group gap={6}>
        <Text size="sm" fw={500} component="span" style={{ overflowWrap: 'anywhere' }}>
          {field.path.join('.')}
        </Text>
        {label && <Mark>label</Mark>}
        {field.role === 'key' && <Mark>key</Mark>}
      </Group>
      <SmallPrint fw={400}>
        {KINDS[field.kind]}
        {field.shape.length > 0 && ` of ${formatShape(field.shape)}`}
        {field.odd > 0 && `, ${formatPercent(field.odd)} of another type`}
        {!used && !label && field.reason && `; ${field.reason}`}
      </SmallPrint>
      <Remarks label={`Remarks on ${field.path.join('.')}`} remarks={remarks} name={topic} />
    </>
  )
}

function Mark({ children }: { children: string }) {
  return (
    <Badge variant="outline" color="gray" size="sm" tt="none" style={{ color: 'var(--kml-idle)' }}>
      {children}
    </Badge>
  )
}

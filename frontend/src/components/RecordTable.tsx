/** Records of a topic, one line each: place, time, key, what the value says. The whole of a record is a click away. */
import { Box, Group, Text, Tooltip, UnstyledButton } from '@mantine/core'
import { IconAlertTriangle } from '@tabler/icons-react'
import type { ReactNode } from 'react'
import type { TopicRecord } from '~/lib/api'
import { formatBytes, formatValue, NONE } from '~/lib/format'
import { fieldsOf, fieldText } from '~/lib/jsonFields'
import { formatMillisecond, hexOfBase64 } from '~/lib/records'
import { RowTable } from './RowTable'
import { imageLayout, SampleView } from './SampleView'

export interface RecordTableProps {
  records: readonly TopicRecord[]
  /** Name of the table for screen readers. */
  label: string
  selected?: string | undefined
  onSelect: (record: TopicRecord) => void
  /** Fields of JSON that are shown in place of the value, as columns; see ``lib/jsonFields``. */
  fields?: readonly string[] | undefined
  /** Whether to show the partition, which is pointless for a topic that has only one. */
  withPartition?: boolean
}

const PARTITION_PX = 88

interface Row {
  record: TopicRecord
  values: Record<string, unknown> | null | undefined
}

/** The name of a record in addresses: ``partition:offset``. */
export function recordId(record: Pick<TopicRecord, 'partition' | 'offset'>): string {
  return `${record.partition}:${record.offset}`
}

export function RecordTable(props: RecordTableProps) {
  const { selected, onSelect, fields, withPartition = true } = props
  const rows = props.records.map((record) => ({ record, values: fields && fieldsOf(record) }))
  return (
    <RowTable
      label={props.label}
      minWidth={fields ? 400 + 96 * fields.length : 560}
      highlightOnHover
      stickyHeader
      verticalSpacing={5}
      rows={rows}
      rowKey={({ record }) => recordId(record)}
      rowProps={({ record }) => ({
        onClick: () => onSelect(record),
        style: { cursor: 'pointer' },
        ...(recordId(record) === selected ? { bg: 'var(--mantine-color-default-hover)' } : {}),
      })}
      columns={[
        withPartition && {
          title: 'Partition',
          right: true,
          w: PARTITION_PX,
          pinnedAt: 0,
          td: { miw: PARTITION_PX },
          cell: ({ record }) => record.partition,
        },
        {
          title: 'Offset',
          right: true,
          w: 92,
          pinnedAt: withPartition ? PARTITION_PX : 0,
          cell: ({ record }) => <OffsetCell record={record} />,
        },
        {
          title: 'Time',
          w: 184,
          cell: ({ record }) => (record.timestamp ? formatMillisecond(record.timestamp) : NONE),
          td: { style: { whiteSpace: 'nowrap', fontVariantNumeric: 'tabular-nums' } },
        },
        { title: 'Key', cell: ({ record }) => <KeyCell record={record} />, td: { maw: 160 } },
        ...(fields ?? []).map((name) => ({
          title: name,
          // A column holds numbers even if some records lack the field.
          right: rows.every(({ values }) => ['number', 'undefined'].includes(typeof (values?.[name] ?? undefined))),
          cell: ({ values }: Row) => <Line>{fieldText(values?.[name])}</Line>,
          td: { maw: 220 },
        })),
        // A record that is not a JSON object is shown as it is, in a column of its own.
        (!fields || rows.some(({ values }) => !values)) && {
          title: 'Value',
          cell: ({ record, values }) => !values && <ValueCell record={record} />,
          td: { maw: 440 },
        },
        {
          title: 'Size',
          right: true,
          w: 84,
          cell: ({ record }) => formatBytes(record.size),
          td: { style: { whiteSpace: 'nowrap' } },
        },
      ]}
    />
  )
}

/** Opens the record by keyboard. A click anywhere in the row does the same. */
function OffsetCell({ record }: { record: TopicRecord }) {
  return (
    <UnstyledButton
      fz="sm"
      aria-label={`Show the record at offset ${record.offset} of partition ${record.partition}`}
      style={{ color: 'var(--mantine-color-anchor)', fontVariantNumeric: 'tabular-nums' }}
    >
      {record.offset}
    </UnstyledButton>
  )
}

function KeyCell({ record }: { record: TopicRecord }) {
  const { label_sample: label, label_text: labelText } = record.decoded
  const declared = labelText ?? (label && label.values.length <= 8 ? label.values.map(formatValue).join(', ') : null)
  if (declared !== null) return <Line>{declared}</Line>
  if (record.key.base64 === null) return <Dimmed>none</Dimmed>
  return <Line mono>{record.key.text ?? hexOfBase64(record.key.base64, 16)}</Line>
}

function ValueCell({ record }: { record: TopicRecord }) {
  const { decoded } = record
  if (record.value === null) return <Dimmed>none (a tombstone)</Dimmed>
  return (
    <Group gap={8} wrap="nowrap">
      {decoded.error && (
        <Tooltip label={decoded.error.message} multiline maw={420}>
          <Box component="span" c="var(--kml-failed)" style={{ display: 'inline-flex', flexShrink: 0 }}>
            <IconAlertTriangle size={16} role="img" aria-label={`Not decoded: ${decoded.error.message}`} />
          </Box>
        </Tooltip>
      )}
      {decoded.sample && imageLayout(decoded.sample.shape) ? (
        <>
          <SampleView sample={decoded.sample} size={32} label="Value" />
          <Dimmed>
            {decoded.sample.dtype} {decoded.sample.shape.join(' × ')}
          </Dimmed>
        </>
      ) : (
        <Line mono>{shownText(record)}</Line>
      )}
    </Group>
  )
}

function shownText({ decoded }: TopicRecord): string {
  if (decoded.sample) return decoded.sample.values.slice(0, 24).map(formatValue).join(', ')
  return (decoded.text ?? '').slice(0, 240)
}

function Line({ children, mono }: { children: ReactNode; mono?: boolean }) {
  return (
    <Text size="sm" truncate {...(mono ? { ff: 'monospace', fz: 'xs' } : {})}>
      {children}
    </Text>
  )
}

function Dimmed({ children }: { children: ReactNode }) {
  return (
    <Text size="xs" c="dimmed" component="span" style={{ whiteSpace: 'nowrap' }}>
      {children}
    </Text>
  )
}

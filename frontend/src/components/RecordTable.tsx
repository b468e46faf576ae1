/** Records of a topic, one line each: place, time, key, what the value says. The whole of a record is a click away. */
import { Box, Group, Table, Text, Tooltip, UnstyledButton } from '@mantine/core'
import { IconAlertTriangle } from '@tabler/icons-react'
import type { ReactNode } from 'react'
import type { TopicRecord } from '~/lib/api'
import { formatBytes, formatValue, NONE } from '~/lib/format'
import { formatMillisecond, hexOfBase64 } from '~/lib/records'
import { imageLayout, SampleView } from './SampleView'

export interface RecordTableProps {
  records: readonly TopicRecord[]
  /** Read to people who do not see the table. */
  label: string
  selected?: string | undefined
  onSelect: (record: TopicRecord) => void
  /** Where the topic has one partition only its number says nothing. */
  withPartition?: boolean
  /** One more column on the right. */
  extra?: { title: string; render: (record: TopicRecord) => ReactNode }
  maxHeight?: number | string
}

/** How a record is named in addresses: ``partition:offset``. */
export function recordId(record: Pick<TopicRecord, 'partition' | 'offset'>): string {
  return `${record.partition}:${record.offset}`
}

export function RecordTable(props: RecordTableProps) {
  const { records, selected, onSelect, withPartition = true, extra } = props
  return (
    <Box
      tabIndex={0}
      role="region"
      aria-label={props.label}
      style={{ overflow: 'auto', ...(props.maxHeight ? { maxHeight: props.maxHeight } : {}) }}
    >
      <Table withTableBorder highlightOnHover stickyHeader verticalSpacing={5} fz="sm" miw={560}>
        <Table.Thead>
          <Table.Tr>
            {withPartition && (
              <Table.Th ta="right" w={72}>
                Partition
              </Table.Th>
            )}
            <Table.Th ta="right" w={92}>
              Offset
            </Table.Th>
            <Table.Th w={184}>Time</Table.Th>
            <Table.Th>Key</Table.Th>
            <Table.Th>Value</Table.Th>
            {extra && <Table.Th>{extra.title}</Table.Th>}
            <Table.Th ta="right" w={84}>
              Size
            </Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {records.map((record) => {
            const id = recordId(record)
            return (
              <Table.Tr
                key={id}
                onClick={() => onSelect(record)}
                style={{ cursor: 'pointer' }}
                {...(id === selected ? { bg: 'var(--mantine-color-default-hover)' } : {})}
              >
                {withPartition && <Table.Td ta="right">{record.partition}</Table.Td>}
                <Table.Td ta="right">
                  <UnstyledButton
                    fz="sm"
                    aria-label={`Show the record at offset ${record.offset} of partition ${record.partition}`}
                    style={{ color: 'var(--mantine-color-anchor)', fontVariantNumeric: 'tabular-nums' }}
                  >
                    {record.offset}
                  </UnstyledButton>
                </Table.Td>
                <Table.Td style={{ whiteSpace: 'nowrap', fontVariantNumeric: 'tabular-nums' }}>
                  {record.timestamp ? formatMillisecond(record.timestamp) : NONE}
                </Table.Td>
                <Table.Td maw={160}>
                  <KeyCell record={record} />
                </Table.Td>
                <Table.Td maw={440}>
                  <ValueCell record={record} />
                </Table.Td>
                {extra && <Table.Td>{extra.render(record)}</Table.Td>}
                <Table.Td ta="right" style={{ whiteSpace: 'nowrap' }}>
                  {formatBytes(record.size)}
                </Table.Td>
              </Table.Tr>
            )
          })}
        </Table.Tbody>
      </Table>
    </Box>
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

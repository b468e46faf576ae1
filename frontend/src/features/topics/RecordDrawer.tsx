/** All of one record: its place, key, headers, and the value as decoded, as text and as bytes. */

import { Alert, Button, Code, Drawer, Group, SegmentedControl, Stack, Text, Title } from '@mantine/core'
import { IconAlertTriangle, IconDownload } from '@tabler/icons-react'
import { useState } from 'react'
import { CopyButton } from '~/components/CopyButton'
import { SmallPrint } from '~/components/Dimmed'
import { Facts } from '~/components/Facts'
import { RowTable } from '~/components/RowTable'
import { imageLayout, SampleView } from '~/components/SampleView'
import type { TopicRecord } from '~/lib/api'
import { formatBytes, formatExact, formatShape, formatValue, NONE } from '~/lib/format'
import { bytesOfBase64, formatMillisecond, hexDump, hexOfBase64, prettyJson } from '~/lib/records'
import { saveFile } from '~/lib/saveFile'

export function RecordDrawer({
  topic,
  record,
  onClose,
}: {
  topic: string
  record: TopicRecord | undefined
  onClose: () => void
}) {
  return (
    // Mantine's own header would be a second banner of the page to screen readers.
    <Drawer.Root opened={record !== undefined} onClose={onClose} position="right" size="min(640px, 100vw)">
      <Drawer.Overlay />
      <Drawer.Content>
        <Drawer.Body pt="md">
          {record && <Details key={`${record.partition}:${record.offset}`} topic={topic} record={record} />}
        </Drawer.Body>
      </Drawer.Content>
    </Drawer.Root>
  )
}

function Details({ topic, record }: { topic: string; record: TopicRecord }) {
  const place = `${topic}[${record.partition}]@${record.offset}`
  const text = JSON.stringify(record, null, 2)
  return (
    <Stack gap="md">
      <Group justify="space-between" wrap="nowrap">
        <Drawer.Title fw={600}>
          Record {record.offset} of partition {record.partition}
        </Drawer.Title>
        <Drawer.CloseButton aria-label="Close" />
      </Group>
      <Facts
        facts={[
          [
            'Position',
            <Group key="place" gap={4} wrap="nowrap">
              <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
                {place}
              </Text>
              <CopyButton text={place} what="place" />
            </Group>,
          ],
          ['Time', record.timestamp ? formatMillisecond(record.timestamp) : NONE],
          ['Size', `${formatBytes(record.size)} (${formatExact(record.size)} bytes)`],
          ['Key', <KeyView key="key" record={record} />],
        ]}
      />
      <HeaderTable record={record} />
      <ValueView record={record} />
      <Group gap="xs">
        <CopyButton text={text} label="Copy record as JSON" />
        <Button
          variant="default"
          leftSection={<IconDownload size={14} aria-hidden />}
          onClick={() => saveFile(`${topic}-${record.partition}-${record.offset}.json`, text, 'application/json')}
        >
          Save
        </Button>
      </Group>
    </Stack>
  )
}

function KeyView({ record }: { record: TopicRecord }) {
  const { key, decoded } = record
  const label = decoded.label_text ?? decoded.label_sample?.values.map(formatValue).join(', ') ?? null
  if (key.base64 === null) return 'none'
  const bytes = key.text ?? hexOfBase64(key.base64, 64)
  return (
    <Stack gap={2}>
      {label !== null && <Text size="sm">label {label}</Text>}
      <Group gap={4} wrap="nowrap">
        <Code style={{ overflowWrap: 'anywhere' }}>{bytes}</Code>
        <CopyButton text={bytes} what="key" />
      </Group>
    </Stack>
  )
}

const ANYWHERE = { overflowWrap: 'anywhere' } as const

function HeaderTable({ record }: { record: TopicRecord }) {
  if (record.headers.length === 0) return null
  return (
    <Stack gap={4}>
      <Title order={3} fz="sm">
        Headers
      </Title>
      <RowTable
        label="Headers"
        minWidth={0}
        fz="xs"
        verticalSpacing={3}
        layout="fixed"
        rows={record.headers}
        // Rows are keyed by position, because headers may repeat and never change.
        rowKey={(_, place) => place}
        columns={[
          { title: 'Name', w: '38%', cell: (header) => header.name, td: { style: ANYWHERE } },
          {
            title: 'Value',
            cell: (header) => header.text ?? (header.base64 === null ? NONE : hexOfBase64(header.base64, 64)),
            td: { style: { ...ANYWHERE, fontFamily: 'var(--mantine-font-family-monospace)' } },
          },
        ]}
      />
    </Stack>
  )
}

const VIEWS = [
  { value: 'decoded', label: 'Decoded' },
  { value: 'text', label: 'Text' },
  { value: 'hex', label: 'Hex' },
  { value: 'base64', label: 'Base64' },
]

function ValueView({ record }: { record: TopicRecord }) {
  const [view, setView] = useState('decoded')
  if (record.value === null) return <Text size="sm">No value: a tombstone.</Text>
  const text = viewed(record, view)
  return (
    <Stack gap="xs">
      <Group justify="space-between" gap="xs">
        <Title order={3} fz="sm">
          Value, {formatBytes(record.value_size)}
        </Title>
        <Group gap="xs">
          <SegmentedControl aria-label="How to show the value" data={VIEWS} value={view} onChange={setView} />
          <CopyButton text={text} what="value" />
        </Group>
      </Group>
      {view === 'decoded' && record.decoded.error && (
        <Alert color="red" icon={<IconAlertTriangle aria-hidden />} title="The decoder does not match">
          <Text size="sm">{record.decoded.error.message}</Text>
          {record.decoded.error.hint && <Text size="sm">What to do: {record.decoded.error.hint}</Text>}
        </Alert>
      )}
      {view === 'decoded' && record.decoded.sample && (
        <Stack gap={4} align="flex-start">
          <SampleView sample={record.decoded.sample} size={224} label="Value" />
          {imageLayout(record.decoded.sample.shape) && (
            <SmallPrint>
              {record.decoded.sample.dtype}, {formatShape(record.decoded.sample.shape)}
            </SmallPrint>
          )}
        </Stack>
      )}
      {text !== '' && (
        <Code block tabIndex={0} aria-label="Value" style={{ maxHeight: 420, overflow: 'auto' }}>
          {text}
        </Code>
      )}
      {record.value_truncated && <SmallPrint>Only the beginning is shown.</SmallPrint>}
    </Stack>
  )
}

function viewed({ decoded, value }: TopicRecord, view: string): string {
  if (value === null) return ''
  if (view === 'hex') return hexDump(value)
  if (view === 'base64') return value
  if (view === 'text') return new TextDecoder().decode(bytesOfBase64(value))
  if (decoded.sample && decoded.text === null)
    return `[${decoded.sample.values.map((item) => item ?? 'null').join(', ')}]`
  return decoded.kind === 'json' || decoded.sample ? prettyJson(decoded.text ?? '') : (decoded.text ?? '')
}

/** A dead letter as a row of the table; it opens to show the record. */
import { Button, Checkbox, Code, Group, Stack, Table, Text, Tooltip } from '@mantine/core'
import { useState } from 'react'
import { Age } from '~/components/Age'
import { TopicLink } from '~/components/ButtonLink'
import { CopyButton } from '~/components/CopyButton'
import { SmallPrint } from '~/components/Dimmed'
import { Facts } from '~/components/Facts'
import { SampleView } from '~/components/SampleView'
import type { DeadLetter, Inference } from '~/lib/api'
import { formatBytes, formatExact } from '~/lib/format'
import { hexDump } from '~/lib/records'

const STAGES: Record<string, string> = {
  decode: 'could not be read',
  predict: 'the model refused it',
  publish: 'its prediction could not be written',
}

/** The step at which answering the record failed. */
export function stageText({ stage }: Pick<DeadLetter['reason'], 'stage'>): string {
  return STAGES[stage] ?? (stage || 'unknown')
}

export function reasonText({ message, error }: DeadLetter['reason']): string {
  return message || error
}

export function letterKey({ record }: DeadLetter): string {
  return `${record.partition}:${record.offset}`
}

/** The position of the record in its topic, as users read it. */
function placeText({ record }: DeadLetter): string {
  return `${record.partition}@${record.offset}`
}

/** Shows or hides the record of a dead letter. */
export function RecordButton({
  letter,
  opened,
  onToggle,
}: {
  letter: DeadLetter
  opened: boolean
  onToggle: () => void
}) {
  const verb = opened ? 'Hide' : 'Show'
  return (
    <Button
      size="compact-xs"
      variant="default"
      aria-expanded={opened}
      aria-label={`${verb} the record of dead letter ${placeText(letter)}`}
      onClick={onToggle}
    >
      {verb}
    </Button>
  )
}

export function LetterRow({
  letter,
  inference,
  selectable,
  selected,
  onToggle,
}: {
  letter: DeadLetter
  inference: Inference
  selectable: boolean
  selected: boolean
  onToggle: () => void
}) {
  const [opened, setOpened] = useState(false)
  const { record, reason, source, replay_of, cut_from_bytes } = letter
  const place = placeText(letter)
  const cut = cut_from_bytes !== null
  return (
    <>
      <Table.Tr {...(selected ? { bg: 'var(--mantine-color-default-hover)' } : {})}>
        {selectable && (
          <Table.Td>
            <Tooltip label="Only the beginning of its value was kept" disabled={!cut}>
              <Checkbox
                size="xs"
                aria-label={`Select dead letter ${place}`}
                checked={selected}
                disabled={cut}
                onChange={onToggle}
              />
            </Tooltip>
          </Table.Td>
        )}
        <Table.Td data-title="Position" style={{ whiteSpace: 'nowrap' }}>
          {place}
        </Table.Td>
        <Table.Td maw={420}>
          <Text size="sm" fw={500}>
            {stageText(reason)}
            {!letter.own && letter.inference !== null && ` (by inference ${letter.inference})`}
          </Text>
          <Text size="sm" lineClamp={opened ? undefined : 2} style={{ overflowWrap: 'anywhere' }}>
            {reasonText(reason)}
          </Text>
        </Table.Td>
        <Table.Td data-title="Source record" style={{ whiteSpace: 'nowrap' }}>
          {source ? (
            <>
              <TopicLink name={source.topic} /> {source.partition}@{formatExact(source.offset)}
            </>
          ) : (
            '–'
          )}
          {replay_of && (
            <SmallPrint>
              sent back from {replay_of.partition}@{replay_of.offset}
            </SmallPrint>
          )}
        </Table.Td>
        <Table.Td data-title="Size" ta="right" style={{ whiteSpace: 'nowrap' }}>
          {formatBytes(cut_from_bytes ?? record.value_size)}
        </Table.Td>
        <Table.Td data-title="Record's time">
          <Age at={record.timestamp} size="sm" />
        </Table.Td>
        <Table.Td>
          <RecordButton letter={letter} opened={opened} onToggle={() => setOpened(!opened)} />
        </Table.Td>
      </Table.Tr>
      {opened && (
        <Table.Tr>
          <Table.Td colSpan={selectable ? 7 : 6}>
            <RawRecord letter={letter} inference={inference} />
          </Table.Td>
        </Table.Tr>
      )}
    </>
  )
}

export function RawRecord({ letter, inference }: { letter: DeadLetter; inference: Inference }) {
  const { record } = letter
  const { decoded } = record
  return (
    <Stack gap="sm" py={6}>
      {decoded.sample && (
        <div>
          <SmallPrint>As inference {inference.id} reads it</SmallPrint>
          <SampleView sample={decoded.sample} />
        </div>
      )}
      {decoded.text !== null && decoded.kind !== 'hex' && (
        <Block label={`Value as ${decoded.kind === 'json' ? 'JSON' : 'text'}`} text={decoded.text} />
      )}
      {record.value === null ? (
        <Text size="sm">The record has no value.</Text>
      ) : record.value === '' ? (
        <Text size="sm">The value is empty.</Text>
      ) : (
        <Block
          label={`Bytes${record.value_size > 512 ? `, the first 512 of ${formatExact(record.value_size)}` : ''}`}
          text={hexDump(record.value, 512)}
        />
      )}
      <Facts
        facts={[
          ['Key', record.key.text ?? (record.key.base64 ? hexDump(record.key.base64, 64) : 'none')],
          ...record.headers.map(
            (header, index) =>
              [
                `${header.name}${record.headers.findIndex((recordHeader) => recordHeader.name === header.name) < index ? ` (${index})` : ''}`,
                header.text ?? header.base64 ?? '',
              ] as const,
          ),
        ]}
      />
    </Stack>
  )
}

function Block({ label, text }: { label: string; text: string }) {
  return (
    <div>
      <Group gap={4}>
        <SmallPrint>{label}</SmallPrint>
        <CopyButton text={text} what={label.toLowerCase()} />
      </Group>
      <Code block tabIndex={0} role="region" aria-label={label} style={{ maxHeight: 200, overflow: 'auto' }}>
        {text}
      </Code>
    </div>
  )
}

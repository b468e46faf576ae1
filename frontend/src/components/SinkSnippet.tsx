/** The program that sends a stream to a deployment, ready to copy, with the deployment's id already in it. */
import { Code, Group, SegmentedControl, Stack, TextInput } from '@mantine/core'
import { useState } from 'react'
import { NumberField } from '~/components/NumberField'
import { CopyButton } from './CopyButton'
import { SmallPrint } from './Dimmed'
import { SINK_FORMATS, type SinkFormat, type SinkSettings, sinkSnippet } from './sinkSnippets'

const LABELS: Record<SinkFormat, string> = {
  RAW: 'Python, RAW',
  JSON: 'Python, JSON',
  AVRO: 'Python, Avro',
  CLI: 'CLI',
}
const EXPLANATIONS: Record<SinkFormat, string> = {
  RAW: 'The bytes of the arrays: fastest, and right for images.',
  JSON: 'Numbers as text: easy to read, but larger.',
  AVRO: 'Records with a schema, as other systems write them.',
  CLI: 'One of your files; no program needed.',
}

export function SinkSnippet({
  deploymentId,
  bootstrapServers,
  controlTopic,
  sampleShape,
  classes,
  online,
  semiSupervised,
}: Omit<SinkSettings, 'topic' | 'validationRate' | 'testRate'>) {
  const [format, setFormat] = useState<SinkFormat>('RAW')
  const [topic, setTopic] = useState('my-data')
  const [validationRate, setValidationRate] = useState(online ? 0.2 : 0.1)
  const [testRate, setTestRate] = useState(0.1)
  const text = sinkSnippet(format, {
    deploymentId,
    bootstrapServers,
    controlTopic,
    sampleShape,
    classes,
    topic: topic || 'my-data',
    validationRate,
    testRate,
    online,
    semiSupervised,
  })
  return (
    <Stack gap="xs" style={{ minWidth: 0 }}>
      <Group gap="sm" align="flex-end">
        <TextInput
          size="xs"
          w={180}
          label="Topic to write to"
          value={topic}
          onChange={(event) => setTopic(event.currentTarget.value.replaceAll(/[^\w.-]/g, '-'))}
        />
        <RateInput
          label="Validation share"
          value={validationRate}
          onChange={setValidationRate}
          rest={online ? 0 : testRate}
        />
        {!online && <RateInput label="Test share" value={testRate} onChange={setTestRate} rest={validationRate} />}
      </Group>
      <Group justify="space-between" gap="xs">
        <SegmentedControl
          aria-label="Encoding of the stream"
          data={SINK_FORMATS.map((sinkFormat) => ({ value: sinkFormat, label: LABELS[sinkFormat] }))}
          value={format}
          onChange={(value) => setFormat(value as SinkFormat)}
        />
        <CopyButton text={text} label="Copy" />
      </Group>
      <Code block tabIndex={0} aria-label="Program to send the stream" style={{ overflow: 'auto', maxHeight: 480 }}>
        {text}
      </Code>
      <SmallPrint>
        {EXPLANATIONS[format]} {format !== 'CLI' && 'Run it with the Python in which Kafka-ML is installed.'}
      </SmallPrint>
    </Stack>
  )
}

function RateInput({
  label,
  value,
  onChange,
  rest,
}: {
  label: string
  value: number
  onChange: (value: number) => void
  rest: number
}) {
  return (
    <NumberField
      size="xs"
      w={120}
      label={label}
      value={value}
      min={0}
      max={Math.max(0, Math.round((0.95 - rest) * 100) / 100)}
      clampBehavior="strict"
      step={0.05}
      decimalScale={2}
      onChange={(next) => typeof next === 'number' && onChange(next)}
    />
  )
}

/** The effect of a contract on records: how many become samples, the balance of the label, and the samples. */
import { Alert, Code, Group, Stack, Text, Title } from '@mantine/core'
import { SmallPrint } from '~/components/Dimmed'
import { Histogram } from '~/components/Histogram'
import type { Preview } from '~/lib/api'
import { formatCount, formatPercent, formatShape, plural } from '~/lib/format'
import { Samples } from './PreviewSamples'
import { Remarks } from './Remarks'

/** ``topic``: hidden remarks are remembered per topic. Without it no remark can be hidden. */
export function PreviewContent({ preview, topic }: { preview: Preview; topic?: string }) {
  const { undecodable, inputs, balance, parts } = preview
  const label = preview.columns.filter((column) => column.place.startsWith('labels.'))
  return (
    <Stack gap="md">
      <Text size="sm">
        {formatPercent(preview.decodes)} of {plural(preview.sampled, 'sampled record')} can be used
        {preview.records > preview.sampled && ` (of ${formatCount(preview.records)})`}.
        {parts &&
          ` They give ${formatCount(parts.training)} training, ${formatCount(parts.validation)} validation and ${formatCount(parts.test)} test samples.`}
      </Text>
      {undecodable && (
        <Alert color="yellow" py={6} title={`${formatPercent(undecodable.share)} cannot be used`}>
          <Text size="xs" style={{ overflowWrap: 'anywhere' }}>
            {undecodable.place}: {undecodable.message}
          </Text>
          {undecodable.value && <Code style={{ overflowWrap: 'anywhere' }}>{undecodable.value}</Code>}
        </Alert>
      )}
      <Remarks label="View" remarks={preview.remarks} {...(topic !== undefined && { name: topic })} />
      {inputs.length > 0 && (
        <div>
          <Title order={3} mb={4}>
            {inputs.length === 1 ? 'Input' : 'Inputs'}
          </Title>
          {inputs.map((input) => (
            <Text size="sm" key={input.name}>
              {input.name && `${input.name}: `}
              {input.dtype}, {formatShape(input.shape)}
            </Text>
          ))}
        </div>
      )}
      {label.length > 0 && (
        <div>
          <Title order={3} mb={4}>
            {label.length === 1 ? 'Label' : 'Labels'}
          </Title>
          <Group gap="lg" align="flex-start">
            {label.map((column) => (
              <div key={column.place}>
                <SmallPrint>{column.name}</SmallPrint>
                <Histogram
                  label={`Values of the label ${column.name}`}
                  numbers={column.numbers}
                  top={label.length === 1 && balance.length > 0 ? balance : column.top}
                />
              </div>
            ))}
          </Group>
        </div>
      )}
      {preview.samples.length > 0 && (
        <div>
          <Title order={3} mb={4}>
            Samples
          </Title>
          <Samples preview={preview} />
        </div>
      )}
    </Stack>
  )
}

/** Samples as a model gets them: rows of numbers as a table, windows as small charts, images as pictures. */
import { Group, Text } from '@mantine/core'
import { TopicLink } from '~/components/ButtonLink'
import { SmallPrint } from '~/components/Dimmed'
import { RowTable } from '~/components/RowTable'
import { columnsWidth, sampleColumns } from '~/components/SampleColumns'
import { SampleView } from '~/components/SampleView'
import type { Preview, PreviewInput, PreviewSample, SampleInput } from '~/lib/api'
import { formatMetric, formatShape, NONE } from '~/lib/format'
import classes from './Preview.module.css'
import { drawnFeatures, WindowChart, WindowLegend } from './WindowChart'

const PARTS = { training: 'trains', validation: 'validates', test: 'tests' }
export function Samples({ preview }: { preview: Preview }) {
  const { inputs, samples } = preview
  const [only] = inputs
  if (inputs.length === 1 && only && isRow(only)) return <RowSamples input={only} samples={samples} />
  const drawn = new Map(
    inputs.filter(isWindow).map(({ name, features }) => {
      const windows = samples.flatMap((sample) => sample.inputs.filter((input) => input.name === name))
      return [name, drawnFeatures(windows, features.length)] as const
    }),
  )
  return (
    <>
      {inputs.filter(isWindow).map(({ name, features }) => (
        <WindowLegend key={name} features={features} drawn={drawn.get(name) ?? []} />
      ))}
      <ul className={classes.samples}>
        {samples.map((sample) => (
          <li key={placeOf(sample)}>
            <SampleCard sample={sample} inputs={inputs} drawn={drawn} />
          </li>
        ))}
      </ul>
    </>
  )
}

function RowSamples({ input, samples }: { input: PreviewInput; samples: readonly PreviewSample[] }) {
  return (
    <RowTable
      label="Samples"
      minWidth={160 + columnsWidth(input.features)}
      rows={samples}
      rowKey={placeOf}
      columns={[
        { title: 'Record', rowHead: true, cell: (sample) => <RecordLink sample={sample} /> },
        ...(samples.some((sample) => sample.label !== null)
          ? [{ title: 'Label', cell: (sample: PreviewSample) => labelText(sample.label) }]
          : []),
        ...sampleColumns<PreviewSample>(input.features, (sample) => sample.inputs[0] ?? null),
        { title: 'Part', cell: (sample) => <SmallPrint>{PARTS[sample.part]}</SmallPrint> },
      ]}
    />
  )
}

/** The indices of the features that are drawn, by name of input. */
type Drawn = ReadonlyMap<string, readonly number[]>

function SampleCard({
  sample,
  inputs,
  drawn,
}: {
  sample: PreviewSample
  inputs: readonly PreviewInput[]
  drawn: Drawn
}) {
  return (
    <>
      <Group gap="xs" align="flex-end">
        {sample.inputs.map((given) => {
          const input = inputs.find((previewInput) => previewInput.name === given.name)
          return (
            input && (
              <InputView key={given.name} input={input} given={given} drawn={drawn} several={inputs.length > 1} />
            )
          )
        })}
      </Group>
      <Group gap={6}>
        <RecordLink sample={sample} />
        {sample.label !== null && (
          <Text size="xs" fw={600} component="span">
            {labelText(sample.label)}
          </Text>
        )}
        <SmallPrint>{PARTS[sample.part]}</SmallPrint>
      </Group>
    </>
  )
}

function InputView({
  input,
  given,
  drawn,
  several,
}: {
  input: PreviewInput
  given: SampleInput
  drawn: Drawn
  several: boolean
}) {
  const label = input.name ? `Input ${input.name}` : 'Sample'
  return (
    <div style={{ minWidth: 0 }}>
      {several && <SmallPrint>{input.name}</SmallPrint>}
      {isWindow(input) ? (
        <WindowChart label={label} window={given} features={input.features} drawn={drawn.get(input.name) ?? []} />
      ) : (
        <SampleView label={label} sample={{ ...given, dtype: input.dtype, truncated: given.shown === 'first' }} />
      )}
      {given.shown !== 'whole' && <SmallPrint>part of {formatShape(input.shape)}</SmallPrint>}
    </div>
  )
}

/** A link to the last record of a sample, when the record can be viewed. */
function RecordLink({ sample }: { sample: PreviewSample }) {
  const { topic, partition, offset, key } = sample
  const shown = key ?? `${partition}:${offset}`
  return (
    <TopicLink
      size="xs"
      name={topic}
      search={{ from: 'offset', offset, partition, record: `${partition}:${offset}` }}
      aria-label={`${shown}, the record ${topic}[${partition}]@${offset}`}
    >
      {shown}
    </TopicLink>
  )
}

function labelText(label: PreviewSample['label']): string {
  if (label === null) return NONE
  return typeof label === 'string' ? label : label.map(formatMetric).join(', ')
}

function placeOf({ topic, partition, offset }: PreviewSample): string {
  return `${topic}:${partition}:${offset}`
}

/** Whether a sample of this input is the columns of one record. */
function isRow({ shape, features }: PreviewInput): boolean {
  return shape.length === 1 && features.length > 0
}

/** Whether a sample of this input is the columns of several consecutive records. */
function isWindow({ shape, features }: PreviewInput): boolean {
  return shape.length === 2 && features.length > 0
}

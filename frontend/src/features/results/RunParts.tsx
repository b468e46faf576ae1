/** The parts of a run that trains a chain: a switch between them, and how good each exit is on its own. */
import { Group, SegmentedControl } from '@mantine/core'
import { ResultLink } from '~/components/ButtonLink'
import { Dimmed } from '~/components/Dimmed'
import { RowTable } from '~/components/RowTable'
import { Section } from '~/components/Section'
import type { Result, ResultRow } from '~/lib/api'
import { formatBytes, formatMeasured, formatMetric, formatMilliseconds, NONE } from '~/lib/format'

/** Switches to another part and stays at the same place of the page. */
export function PartSwitch({
  result,
  parts,
  onPart,
}: {
  result: Pick<Result, 'id'>
  parts: readonly ResultRow[]
  onPart: (id: number) => void
}) {
  if (parts.length < 2) return null
  return (
    <Group gap="sm">
      <Dimmed>One run with {parts.length} sub-models, bottom to top</Dimmed>
      <SegmentedControl
        aria-label="Sub-model"
        data={parts.map(({ id, model_name }) => ({ value: String(id), label: model_name }))}
        value={String(result.id)}
        onChange={(id) => onPart(Number(id))}
      />
    </Group>
  )
}

export function RunParts({ result, parts }: { result: Pick<Result, 'id'>; parts: readonly ResultRow[] }) {
  if (parts.length < 2) return null
  const metrics = [...new Set(parts.flatMap(({ outcome }) => Object.keys(outcome?.test_metrics ?? {})))]
  return (
    <Section title="The exits of the chain">
      <RowTable
        label="Exits of the chain"
        minWidth={640}
        rows={parts}
        rowKey={({ id }) => id}
        rowProps={({ id }) => ({ 'aria-current': id === result.id || undefined })}
        columns={[
          {
            title: 'Sub-model, bottom to top',
            rowHead: true,
            cell: ({ id, model_name }) =>
              id === result.id ? model_name : <ResultLink id={id}>{model_name}</ResultLink>,
          },
          ...metrics.map((metric) => ({
            title: `Test ${metric}`,
            right: true,
            cell: ({ outcome }: ResultRow) =>
              outcome && metric in outcome.test_metrics ? formatMeasured(outcome.test_metrics[metric]) : NONE,
          })),
          {
            title: 'Sent up per sample',
            right: true,
            cell: ({ outcome }) => (outcome?.exit?.upper_bytes ? formatBytes(outcome.exit.upper_bytes) : NONE),
          },
          {
            title: 'Time per sample',
            right: true,
            cell: ({ outcome }) =>
              outcome?.exit?.seconds_per_sample ? formatMilliseconds(outcome.exit.seconds_per_sample * 1000) : NONE,
          },
          {
            title: 'Temperature',
            right: true,
            cell: ({ outcome }) => (outcome?.exit ? formatMetric(outcome.exit.temperature) : NONE),
          },
        ]}
      />
      <Dimmed mt={4}>
        The temperature calibrates an exit's confidence on the validation samples: above 1, the exit was overconfident.
      </Dimmed>
    </Section>
  )
}

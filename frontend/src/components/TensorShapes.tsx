/** The input and output shapes of a model for one sample, without the batch axis: '8 × 8 → 10'. */
import { Code, Group, Tooltip } from '@mantine/core'
import type { TensorSpec } from '~/lib/api'
import { formatShape } from '~/lib/format'
import { Dimmed } from './Dimmed'

/** Shapes as text: '8 × 8', '64 + 10' for several tensors, '?' when only the data determine the shape. */
export function shapesText(tensors: readonly TensorSpec[] | undefined): string {
  if (!tensors || tensors.length === 0) return '?'
  return tensors.map((tensor) => formatShape(tensor.shape, { batch: true })).join(' + ')
}

export function TensorShapes({
  inputs,
  outputs,
}: {
  inputs: readonly TensorSpec[] | undefined
  outputs: readonly TensorSpec[] | undefined
}) {
  return (
    <Group gap={6} wrap="nowrap">
      <Chip tensors={inputs} what="input" />
      <Dimmed>→</Dimmed>
      <Chip tensors={outputs} what="output" />
    </Group>
  )
}

function Chip({ tensors, what }: { tensors: readonly TensorSpec[] | undefined; what: string }) {
  const details = tensors?.map(
    (tensor) => `${tensor.name}: ${formatShape(tensor.shape, { batch: true })}, ${tensor.dtype}`,
  )
  return (
    <Tooltip label={details?.length ? details.join('; ') : `the ${what}'s shape is known once the first data arrive`}>
      <Code fz="sm" style={{ whiteSpace: 'nowrap' }}>
        {shapesText(tensors)}
      </Code>
    </Tooltip>
  )
}

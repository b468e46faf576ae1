/** The heading of a column, with the number of objects and a link to all of them. */
import { Text } from '@mantine/core'
import { AnchorLink } from '~/components/ButtonLink'
import type { Pipeline, PipelineNode } from '~/lib/api'
import { formatCount } from '~/lib/format'
import type { Column } from './layout'

const HEADS: Record<
  Column,
  { title: string; to: string; kind: PipelineNode['kind']; total?: keyof Pipeline['totals'] }
> = {
  data: { title: 'Data', to: '/streams', kind: 'stream', total: 'streams' },
  configurations: { title: 'Configurations', to: '/configurations', kind: 'deployment', total: 'deployments' },
  runs: { title: 'Training runs', to: '/training', kind: 'run', total: 'runs' },
  inferences: { title: 'Inferences', to: '/inference', kind: 'inference', total: 'inferences' },
  predictions: { title: 'Predictions', to: '/visualise', kind: 'output' },
}

export function ColumnTitle({ column, pipeline }: { column: Column; pipeline: Pipeline }) {
  const head = HEADS[column]
  const shown = pipeline.nodes.reduce((sum, node) => sum + (node.kind === head.kind ? node.times : 0), 0)
  const rest = head.total ? pipeline.totals[head.total] - shown : 0
  return (
    <Text component="h2" size="sm" fw={600} m={0} style={{ whiteSpace: 'nowrap' }}>
      {head.title}
      {rest > 0 && (
        <AnchorLink to={head.to} size="xs" fw={400} ml={6}>
          and {formatCount(rest)} more
        </AnchorLink>
      )}
    </Text>
  )
}

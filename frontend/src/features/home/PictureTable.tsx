/** The picture as a table, for readers who prefer text, and for copying. */
import { AnchorLink } from '~/components/ButtonLink'
import { Dimmed } from '~/components/Dimmed'
import { RowTable } from '~/components/RowTable'
import { StatusBadge } from '~/components/StatusBadge'
import type { Pipeline, PipelineNode } from '~/lib/api'
import { formatCount, formatRate, NONE } from '~/lib/format'
import { addressOf, edgeText, KIND, nodeText, scoreText } from './words'

export function PictureTable({ pipeline }: { pipeline: Pipeline }) {
  const { nodes, edges } = pipeline
  if (nodes.length === 0) {
    return <Dimmed>Nothing yet. The steps below lead to the first stream, training run and prediction.</Dimmed>
  }
  const named = (key: string): string => {
    const node = nodes.find((pipelineNode) => pipelineNode.key === key)
    return node ? `${KIND[node.kind].toLowerCase()} ${node.id ?? ''} ${node.name}`.replaceAll(/\s+/g, ' ') : key
  }
  const sources = (node: PipelineNode): string =>
    edges
      .filter((edge) => edge.target === node.key)
      .map((edge) => [named(edge.source), edgeText(edge)].filter(Boolean).join(': '))
      .join('; ') || NONE
  return (
    <RowTable
      label="Active and newest"
      caption="Active and newest, with their sources"
      minWidth={760}
      rows={nodes}
      rowKey={(node) => node.key}
      columns={[
        { title: 'What', cell: (node) => [KIND[node.kind], node.tier].filter(Boolean).join(', ') },
        {
          title: 'Name',
          cell: (node) => (
            <AnchorLink to={addressOf(node)} size="sm">
              {node.name}
            </AnchorLink>
          ),
        },
        { title: 'State', cell: (node) => (node.state ? <StatusBadge state={node.state} /> : NONE) },
        { title: 'Now', cell: nodeText },
        { title: 'From', cell: sources },
        { title: 'Rate', right: true, cell: (node) => formatRate(node.rate) },
        { title: 'Lag', right: true, cell: (node) => formatCount(node.lag) },
        { title: 'Score', right: true, cell: (node) => scoreText(node.score) || NONE },
      ]}
    />
  )
}

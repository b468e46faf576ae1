/** The picture as a table: for those who read better than they look, and for copying. */
import { Table, Text } from '@mantine/core'
import { AnchorLink } from '~/components/ButtonLink'
import { ScrollTable } from '~/components/ScrollTable'
import { StatusBadge } from '~/components/StatusBadge'
import type { Pipeline, PipelineNode } from '~/lib/api'
import { formatCount, formatRate, NONE } from '~/lib/format'
import { addressOf, edgeText, KIND, nodeText, scoreText } from './words'

export function PictureTable({ pipeline }: { pipeline: Pipeline }) {
  const { nodes, edges } = pipeline
  if (nodes.length === 0) {
    return (
      <Text size="sm" c="dimmed">
        Nothing yet: the steps below lead to the first stream, training run and prediction.
      </Text>
    )
  }
  const named = (key: string): string => {
    const node = nodes.find((each) => each.key === key)
    return node ? `${KIND[node.kind].toLowerCase()} ${node.id ?? ''} ${node.name}`.replaceAll(/\s+/g, ' ') : key
  }
  const sources = (node: PipelineNode): string =>
    edges
      .filter((edge) => edge.target === node.key)
      .map((edge) => [named(edge.source), edgeText(edge)].filter(Boolean).join(': '))
      .join('; ') || NONE
  return (
    <ScrollTable label="What is active or newest" minWidth={760}>
      <Table.Caption>What is active or newest, with what it gets from where</Table.Caption>
      <Table.Thead>
        <Table.Tr>
          {['What', 'Name', 'State', 'Now', 'From', 'Rate', 'Lag', 'Score'].map((head) => (
            <Table.Th key={head} ta={['Rate', 'Lag', 'Score'].includes(head) ? 'right' : 'left'}>
              {head}
            </Table.Th>
          ))}
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {nodes.map((node) => (
          <Table.Tr key={node.key}>
            <Table.Td>{[KIND[node.kind], node.tier].filter(Boolean).join(', ')}</Table.Td>
            <Table.Td>
              <AnchorLink to={addressOf(node)} size="sm">
                {node.name}
              </AnchorLink>
            </Table.Td>
            <Table.Td>{node.state ? <StatusBadge state={node.state} /> : NONE}</Table.Td>
            <Table.Td>{nodeText(node)}</Table.Td>
            <Table.Td>{sources(node)}</Table.Td>
            <Table.Td ta="right">{formatRate(node.rate)}</Table.Td>
            <Table.Td ta="right">{formatCount(node.lag)}</Table.Td>
            <Table.Td ta="right">{scoreText(node.score) || NONE}</Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </ScrollTable>
  )
}

/** The words for boxes and lines: the same in the picture, the list and the table. */
import type { Pipeline, PipelineEdge, PipelineNode } from '~/lib/api'
import { formatCount, formatMetric, formatPercent, formatRate, plural } from '~/lib/format'

type Score = PipelineNode['score']

export const KIND: Record<PipelineNode['kind'], string> = {
  stream: 'Stream',
  topic: 'Input topic',
  configuration: 'Configuration',
  deployment: 'Deployment',
  run: 'Training run',
  inference: 'Inference',
  output: 'Output topic',
}

/** Counts what is active. A run that waits for its data is not active. ``rate``: predictions per second. */
export function totalsText(totals: Pipeline['totals'], rate: number): string {
  const states: [number, string][] = [
    [totals.active_runs - totals.waiting_runs, 'in progress'],
    [totals.waiting_runs, 'waiting'],
  ]
  const some = states.filter(([count]) => count > 0)
  const runs = (some.length > 0 ? some : states.slice(0, 1)).map(
    ([count, word], place) => `${place === 0 ? plural(count, 'training run') : formatCount(count)} ${word}`,
  )
  return `${runs.join(' and ')}; ${plural(totals.active_inferences, 'inference')}, ${formatRate(rate)} predicted`
}

/** The address that a box links to. */
export function addressOf(node: PipelineNode): string {
  const paths: Record<PipelineNode['kind'], string> = {
    stream: `/streams/${node.id}`,
    topic: `/topics/${encodeURIComponent(node.name)}`,
    configuration: `/configurations/${node.id}`,
    deployment: `/training/${node.id}`,
    run: `/results/${node.id}`,
    inference: `/inference/${node.id}`,
    output: `/topics/${encodeURIComponent(node.name)}`,
  }
  return paths[node.kind]
}

export function scoreText(score: Score): string {
  if (score === null) return ''
  return score.name.toLowerCase().includes('accuracy')
    ? formatPercent(score.value)
    : `${score.name} ${formatMetric(score.value)}`
}

/** The second line of a box's text. */
export function nodeText(node: PipelineNode): string {
  switch (node.kind) {
    case 'stream':
      return `${node.records === null ? 'online' : plural(node.records, 'record')}${node.times > 1 ? `, newest of ${node.times}` : ''}`
    case 'topic':
      return 'input topic'
    case 'configuration':
      return 'not deployed yet'
    case 'deployment':
      return `deployment ${node.id}`
    case 'run': {
      const { progress } = node
      if (progress) return progress.epoch === 0 ? 'reading the stream' : `epoch ${progress.epoch} of ${progress.epochs}`
      if (node.score?.useless) return `${scoreText(node.score)}: no better than a constant`
      return scoreText(node.score) || `result ${node.id}`
    }
    case 'inference':
      if (node.state === 'failing') return `failing: ${node.detail}`
      return node.state === 'running' ? `${formatRate(node.rate)}${lagText(node.lag)}` : node.detail
    case 'output':
      return plural(node.records ?? 0, 'prediction')
  }
}

function lagText(lag: number | null): string {
  return lag === null || lag === 0 ? '' : ` · lag ${formatCount(lag)}`
}

/** The number shown at a line. */
export function edgeText(edge: PipelineEdge): string {
  switch (edge.kind) {
    case 'trains':
      return edge.records === null ? '' : formatCount(edge.records)
    case 'serves':
      return scoreText(edge.score)
    case 'reads':
      return edge.rate === null ? '' : `${formatRate(edge.rate)}${lagText(edge.lag)}`
    case 'writes':
      return edge.rate ? formatRate(edge.rate) : formatCount(edge.records ?? 0)
    case 'upper':
      // A line between training runs has no number, because no records flow along it.
      if (edge.rate === null && edge.records === null) return ''
      return `${edge.rate ? formatRate(edge.rate) : formatCount(edge.records ?? 0)} up`
    case 'holds':
      return ''
  }
}

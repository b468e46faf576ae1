/** Boxes and lines of the home picture for tests. */
import type { PipelineEdge, PipelineNode } from '~/lib/api'

export function node(kind: PipelineNode['kind'], id: number, more: Partial<PipelineNode> = {}): PipelineNode {
  return {
    key: `${kind}:${id}`,
    kind,
    id,
    name: `${kind} ${id}`,
    state: 'running',
    detail: '',
    at: null,
    tier: '',
    progress: null,
    score: null,
    rate: null,
    lag: null,
    records: null,
    times: 1,
    ...more,
  }
}

export function edge(
  source: string,
  target: string,
  kind: PipelineEdge['kind'],
  rate: number | null = null,
): PipelineEdge {
  return { source, target, kind, state: 'running', rate, lag: null, records: null, score: null }
}

/** Chooses the boxes of the picture: those that are active, recent, or match a filter. Pure. */
import type { Pipeline, PipelineEdge, PipelineNode } from '~/lib/api'
import { plural } from '~/lib/format'

export const ONLY = ['active', 'failing'] as const
/** The choices of a time: hours before now. */
export const HOURS = [1, 24, 168] as const
export interface PictureFilter {
  /** Text to find in names, ignoring case; '' matches all. */
  text: string
  only?: (typeof ONLY)[number] | undefined
}

type Graph = Pick<Pipeline, 'nodes' | 'edges'>

const AT_WORK: readonly string[] = ['created', 'waiting', 'running', 'failing']
const FAILING: readonly string[] = ['failing', 'failed']

/**
 * Fold away finished runs that serve nothing, stopped inferences, and topics used by neither. The newest deployment
 * always stays.
 */
export function foldRest({ nodes, edges }: Graph): { shown: Graph; folded: PipelineNode[] } {
  const newest = Math.max(...nodes.filter(({ kind }) => kind === 'deployment').map(({ id }) => id ?? 0), 0)
  const kept = new Set<string>()
  const keep = (key: string) => void kept.add(key)
  for (const { key, kind, id, state } of nodes) {
    if (kind === 'configuration' || (kind === 'deployment' && id === newest)) keep(key)
    if ((kind === 'run' || kind === 'inference') && AT_WORK.includes(state)) keep(key)
    if (kind === 'inference' && state === 'failed') keep(key)
  }
  // An inference that is shown keeps its run and topics, a run its deployment, and a deployment its data.
  for (const { source, target, kind } of edges) if (kind === 'serves' && kept.has(target)) keep(source)
  for (const { source, target, kind } of edges) if (kind === 'holds' && source === `deployment:${newest}`) keep(target)
  for (const { source, target, kind } of edges) if (kind === 'holds' && kept.has(target)) keep(source)
  for (const { source, target, kind } of edges) {
    if ((kind === 'reads' || kind === 'trains') && kept.has(target)) keep(source)
    if (kind === 'writes' && kept.has(source)) keep(target)
  }
  return { shown: cut({ nodes, edges }, kept), folded: nodes.filter(({ key }) => !kept.has(key)) }
}

/** The boxes that match the filter, with everything upstream and downstream of them. */
export function filtered(graph: Graph, { text, only }: PictureFilter): Graph {
  const needle = text.trim().toLowerCase()
  if (needle === '' && only === undefined) return graph
  const states = only === 'failing' ? FAILING : AT_WORK
  const found = graph.nodes.filter(
    ({ name, state }) => name.toLowerCase().includes(needle) && (only === undefined || states.includes(state)),
  )
  const keys = found.map(({ key }) => key)
  const ahead = reached(keys, graph.edges, 'source', 'target')
  const behind = reached(keys, graph.edges, 'target', 'source')
  return cut(graph, new Set([...ahead, ...behind]))
}

/** Whether some kind has reached the limit of boxes, so that more objects may exist. */
export function isFull({ nodes, most }: Pick<Pipeline, 'nodes' | 'most'>): boolean {
  const counts = new Map<string, number>()
  for (const { kind } of nodes) counts.set(kind, (counts.get(kind) ?? 0) + 1)
  return Math.max(...counts.values(), 0) >= most
}

/** A text such as 'Folded: 9 training runs, 3 topics'. */
export function foldedText(folded: readonly PipelineNode[]): string {
  const count = (...kinds: PipelineNode['kind'][]) => folded.filter(({ kind }) => kinds.includes(kind)).length
  const parts: [number, string][] = [
    [count('run'), 'training run'],
    [count('deployment'), 'deployment'],
    [count('inference'), 'inference'],
    [count('stream', 'topic', 'output'), 'topic'],
  ]
  return parts
    .filter(([number]) => number > 0)
    .map(([number, noun]) => plural(number, noun))
    .join(', ')
}

function cut({ nodes, edges }: Graph, kept: ReadonlySet<string>): Graph {
  return {
    nodes: nodes.filter(({ key }) => kept.has(key)),
    edges: edges.filter(({ source, target }) => kept.has(source) && kept.has(target)),
  }
}

function reached(
  from: readonly string[],
  edges: readonly PipelineEdge[],
  here: 'source' | 'target',
  there: 'source' | 'target',
): Set<string> {
  const next = new Map<string, string[]>()
  for (const edge of edges) next.set(edge[here], [...(next.get(edge[here]) ?? []), edge[there]])
  const found = new Set(from)
  // Iterating over a set also visits the keys that are added during the loop.
  for (const key of found) for (const reached of next.get(key) ?? []) found.add(reached)
  return found
}

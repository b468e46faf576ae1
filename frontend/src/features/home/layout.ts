/**
 * Where the boxes and lines of the home picture go: a pure function of what there is and of the width.
 * Five columns: data, configurations, training runs, inferences, predictions. What serves is at the top, each from its
 * topic to its predictions on one line, what fails first; all of the training lies below, so that no line crosses it.
 */
import type { PipelineEdge, PipelineNode } from '~/lib/api'

export const BOX_WIDTH = 164
export const BOX_HEIGHT = 56
const PITCH = 74
const MIN_GAP = 74
const MAX_GAP = 150
export const COLUMNS = ['data', 'configurations', 'runs', 'inferences', 'predictions'] as const
const TIERS = ['', 'cloud', 'fog', 'edge']
export type Column = (typeof COLUMNS)[number]
/** Below this the picture is a list: lines would be too short to read. */
export const MIN_WIDTH = COLUMNS.length * BOX_WIDTH + (COLUMNS.length - 1) * MIN_GAP

const COLUMN_OF: Record<PipelineNode['kind'], number> = {
  stream: 0,
  topic: 0,
  configuration: 1,
  deployment: 1,
  run: 2,
  inference: 3,
  output: 4,
}

/** A step that has not been done yet, shown where its box will be. */
export interface Ghost {
  key: string
  column: number
}

export interface Box {
  key: string
  column: number
  x: number
  y: number
}

export interface Line {
  edge: PipelineEdge
  path: string
  /** Where its number ends or begins; null where there is no room. */
  label: { x: number; y: number; anchor: 'start' | 'end' } | null
  width: number
}

export interface Picture {
  boxes: Box[]
  lines: Line[]
  width: number
  height: number
  columnX: number[]
}

/** Of a chain the top is above, as it is everywhere. */
export function fromTop(a: PipelineNode, b: PipelineNode): number {
  return TIERS.indexOf(a.tier) - TIERS.indexOf(b.tier)
}

/** What fails comes first, then what is active. The tiers of a chain stay together. */
function urgency({ state, tier }: PipelineNode): number {
  if (tier !== '') return 1
  return state === 'failing' || state === 'failed' ? 0 : state === 'running' || state === 'waiting' ? 1 : 2
}

export function columnOf(node: PipelineNode): number {
  return COLUMN_OF[node.kind]
}

/** Thickness by messages a second, on a log scale: 1/s is visible, 10,000/s is not a wall. */
export function lineWidth(rate: number | null): number {
  return rate === null || rate <= 0 ? 1.5 : Math.min(1.5 + 1.6 * Math.log10(1 + rate), 9)
}

/** Whether anything moves along the line now. */
export function flows(edge: PipelineEdge): boolean {
  if (edge.kind === 'trains' || edge.kind === 'holds') return edge.state === 'running'
  return (edge.rate ?? 0) > 0
}

export function layoutPicture(
  nodes: readonly PipelineNode[],
  edges: readonly PipelineEdge[],
  ghosts: readonly Ghost[],
  width: number,
): Picture {
  const gap = Math.min(Math.max((width - COLUMNS.length * BOX_WIDTH) / (COLUMNS.length - 1), MIN_GAP), MAX_GAP)
  const columnX = COLUMNS.map((_, index) => index * (BOX_WIDTH + gap))
  const placed = new Map<string, Box>()
  const put = (key: string, column: number, y: number) =>
    placed.set(key, { key, column, x: columnX[column] ?? 0, y: Math.round(y) })

  const of = (kind: PipelineNode['kind']) => nodes.filter((node) => node.kind === kind)
  const meanY = (keys: readonly string[]): number | null => {
    const known = keys.map((key) => placed.get(key)?.y).filter((y) => y !== undefined)
    return known.length === 0 ? null : known.reduce((sum, y) => sum + y, 0) / known.length
  }
  const bottom = (...columns: number[]) =>
    Math.max(0, ...[...placed.values()].filter((box) => columns.includes(box.column)).map((box) => box.y + PITCH))
  /** Place a column near what it belongs to, without overlaps; what belongs to nothing goes below. */
  const spread = (column: number, wanted: readonly { key: string; near: number | null }[], from = 0) => {
    let next = from
    const near = wanted.filter((each) => each.near !== null).sort((a, b) => (a.near ?? 0) - (b.near ?? 0))
    for (const each of [...near, ...wanted.filter((each) => each.near === null)]) {
      const y = Math.max(next, each.near ?? 0)
      put(each.key, column, y)
      next = y + PITCH
    }
  }
  const from = groupedBy(edges, (edge) => `${edge.kind} ${edge.source}`)
  const to = groupedBy(edges, (edge) => `${edge.kind} ${edge.target}`)
  const joined = (key: string, end: 'source' | 'target', kind: PipelineEdge['kind']) =>
    end === 'source'
      ? (from.get(`${kind} ${key}`) ?? []).map((edge) => edge.target)
      : (to.get(`${kind} ${key}`) ?? []).map((edge) => edge.source)

  spread(
    3,
    [...of('inference')]
      .sort((a, b) => urgency(a) - urgency(b) || fromTop(a, b))
      .map((node) => ({ key: node.key, near: null })),
  )
  spread(
    0,
    of('topic').map((node) => ({ key: node.key, near: meanY(joined(node.key, 'source', 'reads')) })),
  )
  spread(
    4,
    of('output').map((node) => ({ key: node.key, near: meanY(joined(node.key, 'target', 'writes')) })),
  )
  // Runs next, together with their deployment; everything to the left stands beside its runs.
  const below = bottom(0, 3, 4)
  const places = new Map(of('deployment').map((node, place) => [node.key, place]))
  const rank = (run: PipelineNode) => places.get(joined(run.key, 'target', 'holds')[0] ?? '') ?? -1
  spread(
    2,
    [...of('run')]
      .sort((a, b) => rank(a) - rank(b) || fromTop(a, b) || (a.id ?? 0) - (b.id ?? 0))
      .map((node) => ({ key: node.key, near: null })),
    below,
  )
  spread(
    1,
    [...of('deployment'), ...of('configuration')].map((node) => ({
      key: node.key,
      near: meanY(joined(node.key, 'source', 'holds')),
    })),
    below,
  )
  spread(
    0,
    of('stream').map((node) => ({ key: node.key, near: meanY(joined(node.key, 'source', 'trains')) })),
    below,
  )
  for (const ghost of ghosts) put(ghost.key, ghost.column, Math.max(ghost.column < 3 ? below : 0, bottom(ghost.column)))

  return {
    boxes: [...placed.values()],
    lines: linesOf(edges, placed, gap),
    width: COLUMNS.length * BOX_WIDTH + (COLUMNS.length - 1) * gap,
    height: bottom(0, 1, 2, 3, 4) - PITCH + BOX_HEIGHT,
    columnX,
  }
}

/** Each line leaves and enters at a place of its own, so that numbers at its end stand apart. */
function linesOf(edges: readonly PipelineEdge[], placed: ReadonlyMap<string, Box>, gap: number): Line[] {
  const drawn = edges.filter((edge) => placed.has(edge.source) && placed.has(edge.target))
  const ports = { source: portsOf(drawn, placed, 'source'), target: portsOf(drawn, placed, 'target') }
  return drawn.map((edge) => {
    const from = placed.get(edge.source)
    const to = placed.get(edge.target)
    const start = ports.source.get(edge) ?? NO_PORT
    const end = ports.target.get(edge) ?? NO_PORT
    const x1 = (from?.x ?? 0) + BOX_WIDTH
    const width = lineWidth(edge.rate)
    if (edge.kind === 'upper') {
      // Up the chain, in the same column: an arc on the right.
      const bulge = x1 + gap * 0.45
      const path = `M${x1} ${start.y} C${bulge} ${start.y} ${bulge} ${end.y} ${x1} ${end.y}`
      // Where the arc is furthest out, between the two boxes: there no other number stands.
      return { edge, path, width, label: { x: x1 + gap * 0.34 + 4, y: (start.y + end.y) / 2 + 4, anchor: 'start' } }
    }
    const x2 = to?.x ?? 0
    const turn = x2 - gap
    const middle = x2 - gap / 2
    const path = `M${x1} ${start.y} H${turn} C${middle} ${start.y} ${middle} ${end.y} ${x2} ${end.y}`
    return { edge, path, width, label: end.room >= 14 ? { x: x2 - 8, y: end.y - 5 - width / 2, anchor: 'end' } : null }
  })
}

interface Port {
  y: number
  /** Between it and the next one. */
  room: number
}

const NO_PORT: Port = { y: 0, room: 0 }

/** Where each line leaves or enters its box, in the order of the boxes at its other end. */
function portsOf(
  edges: readonly PipelineEdge[],
  placed: ReadonlyMap<string, Box>,
  end: 'source' | 'target',
): Map<PipelineEdge, Port> {
  const other = end === 'source' ? 'target' : 'source'
  const ports = new Map<PipelineEdge, Port>()
  // What goes up a chain has a side of its own.
  for (const side of groupedBy(edges, (edge) => `${edge.kind === 'upper'} ${edge[end]}`).values()) {
    const room = BOX_HEIGHT / (side.length + 1)
    side.sort((a, b) => (placed.get(a[other])?.y ?? 0) - (placed.get(b[other])?.y ?? 0))
    for (const [place, edge] of side.entries())
      ports.set(edge, { y: (placed.get(edge[end])?.y ?? 0) + room * (place + 1), room })
  }
  return ports
}

function groupedBy<Item>(items: readonly Item[], key: (item: Item) => string): Map<string, Item[]> {
  const groups = new Map<string, Item[]>()
  for (const item of items) {
    const group = groups.get(key(item))
    if (group) group.push(item)
    else groups.set(key(item), [item])
  }
  return groups
}

/**
 * Places the boxes and lines of the home picture: a pure function of the graph and the width. The five columns are
 * data, configurations, training runs, inferences, predictions. Serving is at the top, failing inferences first, each
 * on one line from its topic to its predictions. Training lies below, so that no line crosses it.
 */
import type { PipelineEdge, PipelineNode } from '~/lib/api'
import { curve, type Place, type Point, placeLabels } from './labels'
import { edgeText } from './words'

export const BOX_WIDTH = 164
export const BOX_HEIGHT = 56
const PITCH = 74
const MIN_GAP = 74
const MAX_GAP = 150
/** Length of the straight end of each line before its box, with room for '12.5/s'. */
const STRAIGHT = 64
export const COLUMNS = ['data', 'configurations', 'runs', 'inferences', 'predictions'] as const
const TIERS = ['', 'cloud', 'fog', 'edge']
export type Column = (typeof COLUMNS)[number]
/** Below this width the picture is a list, because lines would be too short to read. */
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

/** A placeholder for a step that has not been done yet, shown where its box will be. */
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
  /** The path as points. */
  points: Point[]
  /** The place of the line's number; null when there is no room for it. */
  label: Place | null
  width: number
}

export interface Picture {
  boxes: Box[]
  lines: Line[]
  width: number
  height: number
  columnX: number[]
}

/** Orders the tiers of a chain from the top down. */
export function fromTop(a: PipelineNode, b: PipelineNode): number {
  return TIERS.indexOf(a.tier) - TIERS.indexOf(b.tier)
}

/** Orders inferences: failing ones first, then active ones. The tiers of a chain stay together. */
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

/** Whether data move along the line now. */
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
  /** Place the boxes of a column near what they belong to, without overlaps. Boxes that belong to nothing go below. */
  const spread = (column: number, wanted: readonly { key: string; near: number | null }[], from = 0) => {
    let next = from
    const near = wanted.filter((box) => box.near !== null).sort((a, b) => (a.near ?? 0) - (b.near ?? 0))
    for (const box of [...near, ...wanted.filter((box) => box.near === null)]) {
      const y = Math.max(next, box.near ?? 0)
      put(box.key, column, y)
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
  // Topics that inferences read come first. Some also have announced streams, from which a line leads down to their
  // training.
  const isRead = ({ key }: PipelineNode) => from.has(`reads ${key}`)
  spread(
    0,
    [...of('topic'), ...of('stream').filter(isRead)].map((node) => ({
      key: node.key,
      near: meanY(joined(node.key, 'source', 'reads')),
    })),
  )
  spread(
    4,
    of('output').map((node) => ({ key: node.key, near: meanY(joined(node.key, 'target', 'writes')) })),
  )
  // Runs come next, grouped by deployment. Everything to their left is level with its runs.
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
    of('stream')
      .filter((node) => !isRead(node))
      .map((node) => ({ key: node.key, near: meanY(joined(node.key, 'source', 'trains')) })),
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

/** Each line has its own port at both boxes, so that numbers at the ends of lines do not collide. */
function linesOf(edges: readonly PipelineEdge[], placed: ReadonlyMap<string, Box>, gap: number): Line[] {
  const drawn = edges.filter((edge) => placed.has(edge.source) && placed.has(edge.target))
  const ports = { source: portsOf(drawn, placed, 'source'), target: portsOf(drawn, placed, 'target') }
  const lines = drawn.map((edge) => {
    const start = ports.source.get(edge) ?? NO_PORT
    const end = ports.target.get(edge) ?? NO_PORT
    const x1 = (placed.get(edge.source)?.x ?? 0) + BOX_WIDTH
    const x2 = placed.get(edge.target)?.x ?? 0
    const width = lineWidth(edge.rate)
    const shape = edge.kind === 'upper' ? arcOf(x1, start, end, gap) : stepOf(x1, start, x2, end, gap, width)
    return { edge, width, ...shape }
  })
  const boxes = [...placed.values()].map(({ x, y }) => ({
    left: x,
    top: y,
    right: x + BOX_WIDTH,
    bottom: y + BOX_HEIGHT,
  }))
  const labels = placeLabels(
    lines.map(({ edge, points, width, places }) => ({ points, width, places, text: edgeText(edge) })),
    boxes,
  )
  return lines.map(({ edge, path, points, width }, index) => ({
    edge,
    path,
    points,
    width,
    label: labels[index] ?? null,
  }))
}

interface Shape {
  path: string
  points: Point[]
  /** Possible places of the number, the best first. */
  places: Place[]
}

/**
 * An arc on the right side that leads up a chain within its column. The number stands where the arc is furthest out.
 */
function arcOf(x: number, start: Port, end: Port, gap: number): Shape {
  const bulge = x + gap * 0.45
  const middle = (start.y + end.y) / 2 + 4
  return {
    path: `M${x} ${start.y} C${bulge} ${start.y} ${bulge} ${end.y} ${x} ${end.y}`,
    points: curve({ x, y: start.y }, { x: bulge, y: start.y }, { x: bulge, y: end.y }, { x, y: end.y }),
    places: [0, -12, 12, -24, 24].map((shift) => ({ x: x + gap * 0.34 + 5, y: middle + shift, anchor: 'start' })),
  }
}

/**
 * A line goes straight to the gap before its end, moves up or down in the first part of the gap, and is straight again
 * in the last part. There no line passes the number of another. The number stands in that last part or, without room
 * there, along the way.
 */
function stepOf(x1: number, start: Port, x2: number, end: Port, gap: number, width: number): Shape {
  const turn = x2 - gap
  const straight = x2 - Math.min(STRAIGHT, gap * 0.64)
  const middle = (turn + straight) / 2
  const above = (y: number) => y - 5 - width / 2
  const under = (y: number) => y + 13 + width / 2
  // The far side of the line's end is the side from which the line does not come.
  const [near, far] = end.y >= start.y ? [above, under] : [under, above]
  const ends = [far, near].flatMap((side) => [6, 14, 22].map((shift) => ({ x: x2 - shift, y: side(end.y) })))
  const along: Place[] = []
  for (let x = x1 + 8; x < turn; x += 24)
    along.push({ x, y: above(start.y), anchor: 'start' }, { x, y: under(start.y), anchor: 'start' })
  return {
    path: `M${x1} ${start.y} H${turn} C${middle} ${start.y} ${middle} ${end.y} ${straight} ${end.y} H${x2}`,
    points: [
      { x: x1, y: start.y },
      ...curve({ x: turn, y: start.y }, { x: middle, y: start.y }, { x: middle, y: end.y }, { x: straight, y: end.y }),
      { x: x2, y: end.y },
    ],
    places: [...ends.map((point) => ({ ...point, anchor: 'end' as const })), ...along],
  }
}

interface Port {
  y: number
}

const NO_PORT: Port = { y: 0 }

/** Where each line leaves or enters its box, ordered by the boxes at the other ends. */
function portsOf(
  edges: readonly PipelineEdge[],
  placed: ReadonlyMap<string, Box>,
  end: 'source' | 'target',
): Map<PipelineEdge, Port> {
  const other = end === 'source' ? 'target' : 'source'
  const ports = new Map<PipelineEdge, Port>()
  // Lines that lead up a chain use a side of their own.
  for (const side of groupedBy(edges, (edge) => `${edge.kind === 'upper'} ${edge[end]}`).values()) {
    const room = BOX_HEIGHT / (side.length + 1)
    side.sort((a, b) => (placed.get(a[other])?.y ?? 0) - (placed.get(b[other])?.y ?? 0))
    for (const [place, edge] of side.entries())
      ports.set(edge, { y: (placed.get(edge[end])?.y ?? 0) + room * (place + 1) })
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

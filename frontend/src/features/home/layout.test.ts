import { expect, test } from 'vitest'
import { edge, node } from '~/testing/pipeline'
import { rectOf } from './labels'
import { BOX_HEIGHT, BOX_WIDTH, flows, layoutPicture, lineWidth, MIN_WIDTH, type Picture } from './layout'
import { edgeText } from './words'

const NODES = [
  node('stream', 1),
  node('stream', 2),
  node('topic', 1),
  node('deployment', 1),
  node('deployment', 2),
  node('run', 1),
  node('run', 2),
  node('run', 3),
  node('inference', 1),
  node('inference', 2),
  node('output', 1),
]
const EDGES = [
  edge('stream:1', 'deployment:1', 'trains'),
  edge('stream:2', 'deployment:2', 'trains'),
  edge('deployment:1', 'run:1', 'holds'),
  edge('deployment:1', 'run:2', 'holds'),
  edge('deployment:2', 'run:3', 'holds'),
  edge('run:1', 'inference:1', 'serves'),
  edge('run:2', 'inference:2', 'serves'),
  edge('topic:1', 'inference:1', 'reads', 10),
  edge('topic:1', 'inference:2', 'reads', 0),
  edge('inference:1', 'output:1', 'writes', 10),
  edge('inference:1', 'inference:2', 'upper', 2),
]

test('boxes of a column never overlap', () => {
  const { boxes } = layoutPicture(NODES, EDGES, [{ key: 'step:watch', column: 4 }], 1200)
  expect(boxes).toHaveLength(NODES.length + 1)
  for (const a of boxes) {
    for (const b of boxes) {
      if (a !== b && a.column === b.column) expect(Math.abs(a.y - b.y)).toBeGreaterThanOrEqual(BOX_HEIGHT)
    }
  }
})

test('a deployment stands level with its runs, and all of the training below what serves', () => {
  const { boxes } = layoutPicture(NODES, EDGES, [], 1200)
  const y = (key: string) => boxes.find((box) => box.key === key)?.y ?? Number.NaN
  expect(y('deployment:1')).toBe((y('run:1') + y('run:2')) / 2)
  expect(y('stream:1')).toBe(y('deployment:1'))
  const serving = Math.max(y('topic:1'), y('inference:2'), y('output:1'))
  expect(Math.min(y('run:1'), y('stream:1'), y('deployment:1'))).toBeGreaterThan(serving)
})

test('each topic, its inference and its predictions stand on one line, what fails first', () => {
  const ids = [1, 2, 3]
  const states = ['stopped', 'running', 'failing']
  const nodes = ids.flatMap((id) => [
    node('topic', id),
    { ...node('inference', id), state: states[id - 1] ?? '' },
    node('output', id),
  ])
  const edges = ids.flatMap((id) => [
    edge(`topic:${id}`, `inference:${id}`, 'reads'),
    edge(`inference:${id}`, `output:${id}`, 'writes'),
  ])
  const { boxes } = layoutPicture(nodes, edges, [], 1200)
  const y = (key: string) => boxes.find((box) => box.key === key)?.y
  for (const id of ids)
    expect([y(`topic:${id}`), y(`output:${id}`)]).toEqual([y(`inference:${id}`), y(`inference:${id}`)])
  const order = boxes.filter(({ column }) => column === 3).sort((a, b) => a.y - b.y)
  expect(order.map(({ key }) => key)).toEqual(['inference:3', 'inference:2', 'inference:1'])
})

test('two hundred deployments are laid out at once', () => {
  const ids = Array.from({ length: 200 }, (_, id) => id)
  const nodes = ids.flatMap((id) =>
    (['stream', 'deployment', 'run', 'topic', 'inference', 'output'] as const).map((kind) => node(kind, id)),
  )
  const edges = ids.flatMap((id) => [
    edge(`stream:${id}`, `deployment:${id}`, 'trains'),
    edge(`deployment:${id}`, `run:${id}`, 'holds'),
    edge(`run:${id}`, `inference:${id}`, 'serves'),
    edge(`topic:${id}`, `inference:${id}`, 'reads'),
    edge(`inference:${id}`, `output:${id}`, 'writes'),
  ])
  // CPU time of this process alone, because other load of the machine says nothing about the layout.
  const began = process.cpuUsage()
  const { boxes, lines } = layoutPicture(nodes, edges, [], 1440)
  expect(process.cpuUsage(began).user).toBeLessThan(1_000_000)
  expect([boxes.length, lines.length]).toEqual([1200, 1000])
})

/** Pairs of a number and a line that passes through it, as drawn. */
function struck({ lines }: Picture): string[] {
  return lines.flatMap(({ edge: of, label }) => {
    if (label === null) return []
    const { left, top, right, bottom } = rectOf(edgeText(of), label)
    return lines
      .filter(({ points }) =>
        points.slice(1).some((to, index) => {
          const from = points[index] ?? to
          return Array.from({ length: 9 }, (_, step) => step / 8).some((t) => {
            const [x, y] = [from.x + (to.x - from.x) * t, from.y + (to.y - from.y) * t]
            return x > left && x < right && y > top && y < bottom
          })
        }),
      )
      .map(({ edge: other }) => `${edgeText(of)} by ${other.source}>${other.target}`)
  })
}

test('no number lies on a line, however many lines rise past it, and nearly all numbers are there', () => {
  const ids = Array.from({ length: 12 }, (_, id) => id)
  const nodes = [
    node('topic', 0),
    ...ids.flatMap((id) => (['deployment', 'run', 'inference', 'output'] as const).map((kind) => node(kind, id))),
    node('stream', 0),
  ]
  const edges = ids.flatMap((id) => [
    { ...edge('stream:0', `deployment:${id}`, 'trains'), records: 5000 },
    edge(`deployment:${id}`, `run:${id}`, 'holds'),
    // The order is reversed, so that lines cross.
    {
      ...edge(`run:${id}`, `inference:${11 - id}`, 'serves'),
      score: { name: 'accuracy', value: 0.883, part: 'test', useless: false },
    },
    edge('topic:0', `inference:${id}`, 'reads', 12.5),
    edge(`inference:${id}`, `output:${11 - (id % 3)}`, 'writes', 1000),
  ])
  for (const width of [MIN_WIDTH, 1440]) {
    const picture = layoutPicture(nodes, edges, [], width)
    expect(struck(picture)).toEqual([])
    const labelled = picture.lines.filter((line) => edgeText(line.edge) !== '')
    expect(labelled.filter(({ label }) => label !== null).length).toBeGreaterThan(labelled.length * 0.6)
  }
})

test('a small picture has all its numbers', () => {
  const picture = layoutPicture(NODES, EDGES, [], 1200)
  expect(picture.lines.filter((line) => edgeText(line.edge) !== '' && line.label === null)).toEqual([])
  expect(struck(picture)).toEqual([])
})

test('a topic that is trained on and read stands where it is read', () => {
  const { boxes } = layoutPicture(NODES, [...EDGES, edge('stream:1', 'inference:1', 'reads', 3)], [], 1200)
  const y = (key: string) => boxes.find((box) => box.key === key)?.y ?? Number.NaN
  expect(y('stream:1')).toBeLessThan(y('deployment:1'))
  expect(y('stream:2')).toBeGreaterThan(y('inference:2'))
})

test('the tiers of a chain stand in its order, the top above', () => {
  const runs = ['edge', 'cloud', 'fog'].map((tier, id) => ({ ...node('run', id), tier }))
  const { boxes } = layoutPicture(runs, [], [], 1200)
  expect(boxes.sort((a, b) => a.y - b.y).map(({ key }) => key)).toEqual(['run:1', 'run:2', 'run:0'])
})

test('what goes up the chain has its number next to the arc, clear of both boxes', () => {
  const { boxes, lines } = layoutPicture(NODES, EDGES, [], 1200)
  const label = lines.find(({ edge }) => edge.kind === 'upper')?.label
  const [upper, lower] = boxes.filter(({ key }) => key.startsWith('inference')).sort((a, b) => a.y - b.y)
  expect(label?.x).toBeGreaterThan((upper?.x ?? 0) + BOX_WIDTH)
  expect(label?.y).toBeGreaterThan((upper?.y ?? 0) + BOX_HEIGHT / 2)
  expect(label?.y).toBeLessThan((lower?.y ?? 0) + BOX_HEIGHT / 2)
  const up = { ...edge('inference:1', 'inference:2', 'upper'), records: 1200 }
  expect([edgeText(up), edgeText({ ...up, rate: 0 }), edgeText({ ...up, rate: 20 })]).toEqual([
    '1,200 up',
    '1,200 up',
    '20/s up',
  ])
  // A line between training runs has no number.
  expect(edgeText(edge('run:1', 'run:2', 'upper'))).toBe('')
})

test('the picture is as wide as it is given, within bounds, and holds every box', () => {
  for (const width of [300, MIN_WIDTH, 1200, 4000]) {
    const picture = layoutPicture(NODES, EDGES, [], width)
    expect(picture.width).toBeGreaterThanOrEqual(MIN_WIDTH)
    for (const box of picture.boxes) expect(box.y + BOX_HEIGHT).toBeLessThanOrEqual(picture.height)
  }
  expect(layoutPicture(NODES, EDGES, [], 1200).width).toBe(1200)
})

test('every line between boxes is drawn once, none to what is not there', () => {
  const picture = layoutPicture(NODES, [...EDGES, edge('run:9', 'inference:1', 'serves')], [], 1200)
  expect(picture.lines).toHaveLength(EDGES.length)
  expect(new Set(picture.lines.map((line) => line.path)).size).toBe(EDGES.length)
})

test('nothing at all is a picture too', () => {
  expect(layoutPicture([], [], [], 1200)).toMatchObject({ boxes: [], lines: [] })
})

test('thickness grows slowly with the rate, and only what moves flows', () => {
  expect(lineWidth(null)).toBe(lineWidth(0))
  expect(lineWidth(1)).toBeGreaterThan(lineWidth(0))
  expect(lineWidth(1000)).toBeGreaterThan(lineWidth(10))
  expect(lineWidth(1e12)).toBeLessThanOrEqual(9)
  expect(flows(edge('a', 'b', 'reads', 0))).toBe(false)
  expect(flows(edge('a', 'b', 'reads', 0.2))).toBe(true)
  expect(flows(edge('a', 'b', 'trains'))).toBe(true)
  expect(flows({ ...edge('a', 'b', 'trains'), state: 'finished' })).toBe(false)
})

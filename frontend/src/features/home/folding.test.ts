import { expect, test } from 'vitest'
import { edge, node } from '~/testing/pipeline'
import { filtered, foldedText, foldRest } from './folding'

const ENDED = { state: 'finished' }
/** Three deployments that ended: one is served, one was served, one is the newest; and a topic without users. */
const GRAPH = {
  nodes: [
    node('stream', 1, { name: 'digits' }),
    node('stream', 2, { name: 'machines' }),
    node('stream', 3, { name: 'orphan' }),
    node('topic', 1, { name: 'old-in' }),
    node('configuration', 9),
    ...[1, 2, 3].flatMap((id) => [node('deployment', id, ENDED), node('run', id, ENDED)]),
    node('inference', 1, { name: 'mnist' }),
    node('inference', 2, { name: 'old', state: 'stopped' }),
    node('output', 1),
    node('output', 2),
  ],
  edges: [
    edge('stream:1', 'deployment:1', 'trains'),
    edge('stream:2', 'deployment:2', 'trains'),
    ...[1, 2, 3].map((id) => edge(`deployment:${id}`, `run:${id}`, 'holds')),
    edge('run:1', 'inference:1', 'serves'),
    edge('run:2', 'inference:2', 'serves'),
    edge('stream:1', 'inference:1', 'reads'),
    edge('topic:1', 'inference:2', 'reads'),
    edge('inference:1', 'output:1', 'writes'),
    edge('inference:2', 'output:2', 'writes'),
  ],
}
const keys = ({ nodes }: { nodes: readonly { key: string }[] }) => nodes.map(({ key }) => key)

test('what ended and serves nothing is folded, but for what was deployed last', () => {
  const { shown, folded } = foldRest(GRAPH)
  expect(keys(shown)).toEqual([
    'stream:1',
    'configuration:9',
    'deployment:1',
    'run:1',
    'deployment:3',
    'run:3',
    'inference:1',
    'output:1',
  ])
  expect(foldedText(folded)).toBe('1 training run, 1 deployment, 1 inference, 4 topics')
  expect(shown.edges.every(({ source, target }) => keys(shown).includes(source) && keys(shown).includes(target))).toBe(
    true,
  )
  expect(shown.edges).toHaveLength(6)
})

test('what fails is never folded, and a run that trains keeps its deployment and its data', () => {
  const nodes = GRAPH.nodes.map((node) =>
    node.key === 'inference:2'
      ? { ...node, state: 'failed' }
      : node.key === 'run:2'
        ? { ...node, state: 'running' }
        : node,
  )
  const { folded } = foldRest({ ...GRAPH, nodes })
  expect(keys({ nodes: folded })).toEqual(['stream:3'])
  expect(foldRest({ nodes: [], edges: [] })).toEqual({ shown: { nodes: [], edges: [] }, folded: [] })
})

test('a filter shows what fits, what leads to it and what it leads to', () => {
  expect(filtered(GRAPH, { text: '' })).toBe(GRAPH)
  expect(keys(filtered(GRAPH, { text: 'MNIST' }))).toEqual([
    'stream:1',
    'deployment:1',
    'run:1',
    'inference:1',
    'output:1',
  ])
  expect(keys(filtered(GRAPH, { text: '', only: 'failing' }))).toEqual([])
  const nodes = GRAPH.nodes.map((node) => (node.key === 'inference:2' ? { ...node, state: 'failing' } : node))
  const failing = ['stream:2', 'topic:1', 'deployment:2', 'run:2', 'inference:2', 'output:2']
  expect(keys(filtered({ ...GRAPH, nodes }, { text: '', only: 'failing' }))).toEqual(failing)
  expect(keys(filtered({ ...GRAPH, nodes }, { text: 'mnist', only: 'failing' }))).toEqual([])
  expect(keys(filtered(GRAPH, { text: 'nothing of the kind' }))).toEqual([])
})

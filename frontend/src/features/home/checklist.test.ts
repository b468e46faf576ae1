import { expect, test } from 'vitest'
import type { Pipeline } from '~/lib/api'
import { checklist } from './checklist'

const NOTHING: Pipeline['facts'] = {
  model: null,
  configuration: null,
  deployment: null,
  stream: null,
  result: null,
  inference: null,
  predicted: 0,
}

function steps(facts: Partial<Pipeline['facts']>) {
  return checklist({ facts: { ...NOTHING, ...facts }, nodes: [], edges: [] })
}

test('at first only pasting a model is possible', () => {
  const all = steps({})
  expect(all.map((step) => step.done)).toEqual([false, false, false, false, false, false])
  expect(all.map((step) => step.blocked === undefined)).toEqual([true, false, false, false, false, false])
})

test('commands carry the ids of what is there', () => {
  const all = steps({ model: 4, configuration: 7, deployment: 9, result: 12 })
  expect(all.map((step) => step.command)).toEqual([
    'kafka-ml models create model.py --framework tensorflow --name mine',
    'kafka-ml configurations create mine --model 4',
    'kafka-ml deployments create 7 --batch-size 32',
    'kafka-ml send data.csv --deployment 9',
    'kafka-ml inferences create 12 --input values --output predictions',
    'kafka-ml send new.csv --topic values\nkafka-ml tail predictions',
  ])
  expect(all.find((step) => step.key === 'serve')?.search).toEqual({ result: 12 })
})

test('all is done when predictions flow', () => {
  const all = steps({ model: 1, configuration: 1, deployment: 1, stream: 1, result: 1, inference: 1, predicted: 3 })
  expect(all.every((step) => step.done && step.blocked === undefined)).toBe(true)
})

test('samples are sent to the lowest tier, not to a topic that a tier writes', () => {
  const nodes = ['fog-in', 'edge-in'].map((name) => ({ kind: 'topic', key: `topic:${name}`, name }))
  const edges = [
    { kind: 'reads', source: 'topic:fog-in', target: 'inference:2' },
    { kind: 'reads', source: 'topic:edge-in', target: 'inference:1' },
    { kind: 'upper', source: 'inference:1', target: 'inference:2' },
  ]
  const all = checklist({ facts: NOTHING, nodes, edges } as unknown as Pipeline)
  expect(all.at(-1)?.command).toContain('--topic edge-in')
})

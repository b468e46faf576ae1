import { expect, test } from 'vitest'
import type { System } from '~/lib/api'
import { supportSummary, troubles } from './summary'

const WELL: System = {
  version: '0.1.0',
  versions: { python: '3.11' },
  isolation: { setting: 'auto', levels: ['namespaces'], off: false },
  broker: { bootstrap_servers: 'kafka:9092', sink_bootstrap_servers: 'kafka:9092', reachable: true },
  control_topic: 'CONTROL',
  control_topics: ['CONTROL'],
  launcher: { kind: 'process', warm_workers: true, namespace: '', autoscaling: false, autoscaling_obstacle: 'no' },
  executors: { pytorch: { reachable: true, detail: '', isolation: 'namespaces', versions: { torch: '2' } } },
  gpus: [],
  gpu_note: 'No GPU found',
  components: [{ name: 'controller', state: 'ready', detail: '', at: null, address: '', restarts: 0 }],
}

test('a platform that works has no troubles', () => {
  expect(troubles(WELL)).toEqual([])
  expect(supportSummary(WELL)).toContain('No problems found')
  expect(supportSummary(WELL)).toContain('pytorch: isolation namespaces, torch 2')
})

test('what needs a look is named', () => {
  const ill: System = {
    ...WELL,
    broker: { ...WELL.broker, reachable: false },
    isolation: { setting: 'off', levels: ['off'], off: true },
    executors: { pytorch: { reachable: false, detail: 'away', isolation: '', versions: {} } },
    components: [{ name: 'controller', state: 'silent', detail: 'reading', at: null, address: '', restarts: 2 }],
  }
  expect(troubles(ill)).toEqual([
    'Kafka is not responding',
    'controller is silent (reading)',
    'the pytorch executor is not responding',
    'user code is not isolated',
  ])
})

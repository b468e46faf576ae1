import { expect, test } from 'vitest'
import type { System } from '~/lib/api'
import { machineFacts, supportSummary, troubles } from './summary'

const WELL: System = {
  version: '0.1.0',
  versions: { python: '3.11' },
  isolation: { setting: 'auto', levels: ['namespaces'], off: false },
  broker: { bootstrap_servers: 'kafka:9092', sink_bootstrap_servers: 'kafka:9092', reachable: true },
  control_topic: 'CONTROL',
  control_topics: ['CONTROL'],
  launcher: { kind: 'process', warm_workers: true, namespace: '', autoscaling: false, autoscaling_obstacle: 'no' },
  machine: {
    processors: 4,
    load: 1.25,
    memory_total: 16 << 20,
    memory_available: 8 << 20,
    disk_total: 100 << 20,
    disk_free: 50 << 20,
  },
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

test('a machine with little left is a trouble', () => {
  expect(machineFacts(WELL.machine).map(([, value]) => value)).toEqual([
    '4, with a load of 1.25 over the last minute',
    '8.00 MiB available of 16.0 MiB',
    '50.0 MiB free of 100 MiB',
  ])
  const full = { ...WELL.machine, disk_free: 4 << 20, memory_available: 1000 }
  expect(troubles({ ...WELL, machine: full }).join()).toMatch(/disk is almost full.*memory is almost used up/)
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

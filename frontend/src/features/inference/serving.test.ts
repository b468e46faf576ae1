import { expect, test } from 'vitest'
import type { ReplicaReport } from '~/lib/api'
import { goingOver, servingText } from './serving'

const replica = (number: number, revision: number | null, state: ReplicaReport['state'] = 'running') =>
  ({
    replica: number,
    state,
    serving: revision === null ? null : { revision, version: 1 },
  }) as unknown as ReplicaReport

test('replicas that have another revision are going over; those that say nothing are not counted', () => {
  const inference = { revision: 2, version: 5, swap_failure: null, replica_stats: [] as ReplicaReport[] }
  expect(goingOver(inference)).toBe('')
  inference.replica_stats = [replica(0, 2), replica(1, 1), replica(2, null), replica(3, 1, 'failed')]
  expect(goingOver(inference)).toBe('Switching to version 5: 1 of 2 replicas done.')
  inference.replica_stats = [replica(0, 2)]
  expect(goingOver(inference)).toBe('')
})

test('replicas here and workers elsewhere are counted apart', () => {
  const worker = { ...replica(1000, 0), worker: 'gate' }
  const here = { ...replica(0, 0), worker: '' }
  const inference = { replicas: 2, current_replicas: 2, ready_replicas: 1, replica_stats: [here] }
  expect(servingText(inference)).toBe('1 of 2 replicas ready')
  expect(servingText({ ...inference, ready_replicas: 2, replica_stats: [here, worker] })).toBe(
    '1 of 2 replicas ready, 1 external worker',
  )
  const alone = { replicas: 0, current_replicas: 0, ready_replicas: 0, replica_stats: [] }
  expect(servingText(alone)).toBe('0 external workers')
})

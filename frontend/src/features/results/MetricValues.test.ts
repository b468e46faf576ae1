import { expect, test } from 'vitest'
import type { Result } from '~/lib/api'
import { testedAt } from './MetricValues'

type Tested = Parameters<typeof testedAt>[0]
const BEST = { epoch: 24, epochs: 40, trained: 29, monitor: 'val_loss', value: 0.03, restored: true }

function tested(best_epoch: typeof BEST | null, current_version: number | null = 1): Tested {
  return { outcome: { best_epoch } as Result['outcome'], current_version }
}

test('a test is of the weights that the result has', () => {
  expect(testedAt(tested(BEST), 'epoch')).toBe('of epoch 24, the best')
  expect(testedAt(tested({ ...BEST, restored: false }), 'epoch')).toBe('after the last epoch')
  expect(testedAt(tested(null), 'epoch')).toBe('after the last epoch')
  expect(testedAt(tested(null, 6), 'window')).toBe('of version 6')
})

import { screen } from '@testing-library/react'
import { expect, test } from 'vitest'
import type { BestEpoch, EpochMetrics, Result } from '~/lib/api'
import { show } from '~/testing/page'
import { BestEpochStat, LearningRateStat } from './EpochStats'
import { bestEpochOf } from './useCurveMarks'

const BEST: BestEpoch = { epoch: 554, epochs: 2500, trained: 604, monitor: 'val_loss', value: 0.0066, restored: true }

function result(state: string, best: BestEpoch | null, soFar: number | null) {
  return { state, outcome: { best_epoch: best }, metrics: { best_epoch: soFar } } as unknown as Result
}

test('a result says which epoch it is, and that training stopped early', async () => {
  await show(<BestEpochStat result={result('finished', BEST, 554)} />)
  expect(await screen.findByText('554 of 2,500')).toBeInTheDocument()
  expect(screen.getByText('val_loss 0.0066; stopped early after 604; the result has its weights')).toBeInTheDocument()
})

test('the last epoch is distinguished from the best one', async () => {
  await show(<BestEpochStat result={result('finished', { ...BEST, trained: 2500, restored: false }, 554)} />)
  expect(await screen.findByText("val_loss 0.0066; the result has the last epoch's weights")).toBeInTheDocument()
})

test('a training that runs has the best so far, whatever the outcome of an earlier one says', async () => {
  await show(<BestEpochStat result={result('running', BEST, 12)} />)
  expect(await screen.findByText('12')).toBeInTheDocument()
  expect(screen.getByText('so far')).toBeInTheDocument()
  expect(bestEpochOf(result('running', BEST, 12))).toBe(12)
  expect(bestEpochOf(result('finished', BEST, 554))).toBe(554)
  expect(bestEpochOf(result('finished', null, null))).toBeNull()
})

test('a learning rate is stated where it stays the same', async () => {
  const epochs = (...rates: number[]) =>
    rates.map((rate, index) => ({
      epoch: index + 1,
      learning_rate: { learning_rate: rate },
    })) as unknown as EpochMetrics[]
  const { unmount } = await show(<LearningRateStat epochs={epochs(0.001, 0.001)} />)
  expect(await screen.findByText('0.001')).toBeInTheDocument()
  unmount()
  await show(<LearningRateStat epochs={epochs(0.001, 0.0005)} />)
  expect(screen.queryByText('Learning rate')).toBeNull()
})

import { fireEvent, screen, within } from '@testing-library/react'
import { expect, test, vi } from 'vitest'
import type { EpochMetrics, Result } from '~/lib/api'
import { platform, show } from '~/testing/page'
import { MetricValues } from './MetricValues'

const epoch = (number: number, loss: number) =>
  ({
    epoch: number,
    seconds: 1,
    before: {},
    training: { loss },
    validation: {},
    window: null,
  }) as unknown as EpochMetrics
const EPOCHS = [epoch(1, 0.5), epoch(2, 0.25)]

test('each metric has its last and best value, and that of a chosen epoch', async () => {
  platform({})
  const chosen = vi.fn()
  const result = { metrics: EPOCHS[1], outcome: null } as unknown as Result
  await show(<MetricValues result={result} epochs={EPOCHS} epoch={1} onEpoch={chosen} />)
  const values = await screen.findByRole('table', { name: 'Values' })
  expect(within(values).getByRole('columnheader', { name: 'At epoch 1' })).toBeInTheDocument()
  expect(within(values).getByRole('row', { name: /^loss training/ })).toHaveTextContent(/0\.25.*0\.25.*0\.5/)
  fireEvent.change(screen.getByRole('textbox', { name: 'At epoch' }), { target: { value: '2' } })
  expect(chosen).toHaveBeenCalledWith(2)
})

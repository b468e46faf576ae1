import { screen, within } from '@testing-library/react'
import { expect, test } from 'vitest'
import type { CellSamples, Result } from '~/lib/api'
import { platform, show } from '~/testing/page'
import { ConfusionTab } from './ConfusionTab'

const RESULT = {
  id: 7,
  confusion_matrix: {
    matrix: [
      [8, 1],
      [0, 9],
    ],
    labels: ['well', 'ill'],
  },
  artifacts: [{ name: 'confusion_samples.npz' }],
} as unknown as Result

test('samples behind a cell that are rows have the names of their columns', async () => {
  const found: CellSamples = {
    actual: 0,
    predicted: 1,
    total: 1,
    per_cell: 12,
    columns: ['gender', 'age'],
    samples: [{ sample: { shape: [2], dtype: 'float32', values: [1, 61], truncated: false }, probability: 0.75 }],
  }
  platform({ 'GET /api/results/7/confusion_samples/': found })
  await show(<ConfusionTab result={RESULT} search={{ cell: '0-1' }} onSearch={() => {}} />)
  const table = within(await screen.findByRole('table', { name: 'Rows of the cell' }))
  expect(table.getAllByRole('columnheader').map((each) => each.textContent)).toEqual(['Probability', 'gender', 'age'])
  expect(table.getByText('61')).toHaveAttribute('data-title', 'age')
})

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
  expect(table.getAllByRole('columnheader').map((header) => header.textContent)).toEqual([
    'Probability',
    'gender',
    'age',
  ])
  expect(table.getByText('61')).toHaveAttribute('data-title', 'age')
})

test('samples behind a cell that are windows are drawn, with the names of their lines', async () => {
  const sample = { shape: [3, 2], dtype: 'float32', values: [1, 61, 2, 62, 3, 63], truncated: false }
  platform({
    'GET /api/results/7/confusion_samples/': {
      actual: 0,
      predicted: 1,
      total: 1,
      per_cell: 12,
      columns: ['temperature', 'vibration'],
      samples: [{ sample, probability: 0.75 }],
    },
  })
  await show(<ConfusionTab result={RESULT} search={{ cell: '0-1' }} onSearch={() => {}} />)
  expect(
    await screen.findByRole('img', { name: 'Sample 1: 3 records of temperature, vibration', hidden: true }),
  ).toBeInTheDocument()
})

test('a training that found no classes says why, and does not offer to ask for a matrix again', async () => {
  const outcome = { warnings: ['no confusion matrix: the labels are not whole numbers'] }
  const result = { ...RESULT, confusion_matrix: null, state: 'finished', outcome } as unknown as Result
  platform({})
  await show(<ConfusionTab result={result} search={{}} onSearch={() => {}} />)
  expect(await screen.findByText('The labels are not whole numbers.')).toBeInTheDocument()
  expect(screen.queryByRole('link')).toBeNull()
})

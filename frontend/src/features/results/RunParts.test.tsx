import { screen } from '@testing-library/react'
import { expect, test } from 'vitest'
import type { ResultRow } from '~/lib/api'
import { page, platform, show } from '~/testing/page'
import { useRunParts } from './parts'
import { RunParts } from './RunParts'

function row(id: number, tier: number | null, leader: number | null, accuracy: number): ResultRow {
  const exit = {
    scores: 'probabilities',
    classes: 10,
    temperature: 1.5,
    upper_bytes: leader ? 256 : 0,
    seconds_per_sample: 0.002,
  }
  const outcome = { test_metrics: { accuracy }, exit }
  return { id, tier, leader, deployment: 4, model_name: `model ${id}`, outcome } as unknown as ResultRow
}

function Shown({ of }: { of: ResultRow }) {
  return <RunParts result={of} parts={useRunParts(of as never)} />
}

test('the parts of one run are together from below, each with what is known of its exit', async () => {
  const rows = [
    row(7, 1, null, 0.98),
    row(8, 0, 7, 0.9),
    row(9, null, null, 0.5),
    row(5, 0, 6, 0.1),
    row(6, 1, null, 0.2),
  ]
  platform({ 'GET /api/results/': page(...rows) })
  await show(<Shown of={rows[1] as ResultRow} />)
  const table = await screen.findByRole('table', { hidden: true })
  const cells = [...table.querySelectorAll('tbody tr')].map((row) => [...row.children].map((cell) => cell.textContent))
  expect(cells).toEqual([
    ['model 8', '0.9', '256 B', '2.0 ms', '1.5'],
    ['model 7', '0.98', '–', '2.0 ms', '1.5'],
  ])
  expect(screen.getAllByRole('link', { hidden: true }).map((link) => link.textContent)).toEqual(['model 7'])
})

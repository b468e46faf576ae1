import { screen, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { expect, test } from 'vitest'
import type { Importance } from '~/lib/api'
import { show } from '~/testing/page'
import { ImportanceTab } from './ImportanceTab'

function measured(score: Importance['score'], columns: number): Importance {
  return {
    score,
    samples: 400,
    rounds: 1,
    columns: Array.from({ length: columns }, (_, place) => ({
      column: `c${place}`,
      importance: place === 1 ? null : 0.25,
      spread: 0.0125,
    })),
  }
}

test('the table has all columns, also one whose importance is not a number', async () => {
  await show(<ImportanceTab importance={measured('accuracy', 40)} result={7} />)
  expect(screen.getByText(/The table has all 40 columns/)).toBeVisible()
  await userEvent.click(screen.getByRole('button', { name: /table/i }))
  const rows = within(screen.getByRole('table')).getAllByRole('row')
  expect(rows).toHaveLength(41)
  expect(rows[0]).toHaveTextContent('Columnaccuracy lostStandard deviation')
  expect(rows[1]).toHaveTextContent('c00.250.0125')
})

test('an error that grows is not called a loss', async () => {
  await show(<ImportanceTab importance={measured('root_mean_squared_error', 2)} result={7} />)
  expect(screen.getByText(/mean squared error grows when the values.*the mean of 1 time\./)).toBeVisible()
  expect(screen.queryByText(/The table has all/)).toBeNull()
})

import { screen, waitFor } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { expect, test } from 'vitest'
import type { Result } from '~/lib/api'
import { show } from '~/testing/page'
import { Hints } from './Hints'

const OVERFITTING = {
  code: 'overfitting',
  message: 'it got worse from epoch 4 on',
  advice: 'keep the weights of that epoch (early_stopping=5)',
} as const
const LONGER = {
  code: 'still_improving',
  message: 'the loss was still falling',
  advice: 'train longer: 80 epochs',
} as const

test('each hint says what to try, is dismissed alone, and all come back', async () => {
  const result = { id: 4711, hints: [OVERFITTING, LONGER] } as unknown as Result
  await show(<Hints result={result} />)
  const user = userEvent.setup({ pointerEventsCheck: 0 })
  expect(await screen.findByText(/^It got worse from epoch 4 on/)).toHaveTextContent(
    'Try: keep the weights of that epoch (early_stopping=5).',
  )
  await user.click(screen.getByRole('button', { hidden: true, name: 'Hide the hint: it got worse from epoch 4 on' }))
  await waitFor(() => expect(screen.queryByText(/from epoch 4 on/)).toBeNull())
  await user.click(screen.getByRole('button', { hidden: true, name: 'Hide the hint: the loss was still falling' }))
  await user.click(await screen.findByRole('button', { hidden: true, name: 'Show 2 hints' }))
  expect(await screen.findByText(/from epoch 4 on/)).toBeInTheDocument()
})

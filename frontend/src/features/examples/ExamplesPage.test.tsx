import { screen, waitFor } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { expect, test } from 'vitest'
import { platform, show } from '~/testing/page'
import { ExamplesPage } from './ExamplesPage'

const example = (name: string) => ({ name, about: `about ${name}`, minutes: 1, data: 'generated' })

const FINISHED = {
  name: 'digits',
  by: 'ann',
  state: 'finished',
  started_at: '2026-11-30T10:00:00Z',
  ended_at: '2026-11-30T10:00:40Z',
  reason: '',
  output: 'Accuracy <b>0.96</b>\n  http://127.0.0.1:8000/results/1   curves',
  output_cut: false,
}

test('the last run is shown as text, leads to what it made, and others can be started', async () => {
  const asked = platform({
    'GET /api/examples/': { available: [example('digits'), example('machines')], run: FINISHED },
    'POST /api/examples/': {
      available: [example('digits'), example('machines')],
      run: { ...FINISHED, state: 'running' },
    },
  })
  await show(<ExamplesPage />)
  expect(await screen.findByRole('link', { name: 'Training run 1' })).toHaveAttribute('href', '/results/1')
  expect(screen.getByText(/Accuracy <b>0.96<\/b>/)).toBeInTheDocument()
  expect(screen.queryByRole('button', { name: 'Stop' })).toBeNull()
  expect(screen.getByText('about machines')).toBeInTheDocument()
  await userEvent.click(screen.getByRole('button', { name: 'Run machines' }))
  await waitFor(() => expect(asked[0]?.body).toEqual({ name: 'machines' }))
})

test('one that runs can be stopped, and no second one started', async () => {
  const asked = platform({
    'GET /api/examples/': { available: [example('digits')], run: { ...FINISHED, state: 'running', output: '' } },
    'DELETE /api/examples/': null,
  })
  await show(<ExamplesPage />)
  await userEvent.click(await screen.findByRole('button', { name: 'Stop' }))
  expect(await screen.findByRole('dialog', { name: 'Stop example digits?' })).toHaveTextContent('made so far stays')
  expect(asked).toEqual([])
  await userEvent.click(screen.getAllByRole('button', { name: 'Stop' }).at(-1) as HTMLElement)
  await waitFor(() => expect(asked[0]?.method).toBe('DELETE'))
  expect(screen.getByRole('button', { name: 'Run digits' })).toBeDisabled()
  expect(screen.getByText('It has printed nothing yet.')).toBeInTheDocument()
})

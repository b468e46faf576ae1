import { fireEvent, screen, waitFor, within } from '@testing-library/react'
import { expect, test, vi } from 'vitest'
import { platform, Refusal, show } from '~/testing/page'
import { DeleteButton, StopRowsButton } from './BatchActions'

const row = (id: number, going: boolean) => ({ id, name: `inference ${id}`, going })

test('of the ticked rows those that run are named, and stopped when one says so', async () => {
  const done = vi.fn()
  const written = platform({ 'POST /api/inferences/1/stop/': {}, 'POST /api/inferences/3/stop/': {} })
  await show(<StopRowsButton kind="inferences" rows={[row(1, true), row(2, false), row(3, true)]} onDone={done} />)
  fireEvent.click(screen.getByRole('button', { name: 'Stop…' }))
  expect(await screen.findByText('Stop 2 inferences?')).toBeVisible()
  expect(screen.getAllByRole('listitem').map((item) => item.textContent)).toEqual(['inference 1', 'inference 3'])
  expect(screen.getByText(/One has already ended\./)).toBeVisible()
  expect(written).toEqual([])
  fireEvent.click(screen.getByRole('button', { name: 'Stop' }))
  await waitFor(() => expect(done).toHaveBeenCalled())
  expect(written.map((asked) => asked.path)).toEqual(['/api/inferences/1/stop/', '/api/inferences/3/stop/'])
  expect(await screen.findByText('Stopping 2 inferences')).toBeVisible()
})

test('where all have ended there is nothing to stop', async () => {
  platform({})
  await show(<StopRowsButton kind="results" rows={[row(2, false)]} onDone={vi.fn()} />)
  const button = screen.getByRole('button', { name: 'Stop…' })
  expect(button).toBeDisabled()
  expect(button).toHaveAttribute('title', 'All of them have already ended')
})

test('a refusal stays in the dialog, and the rows stay ticked', async () => {
  const done = vi.fn()
  platform({ 'POST /api/deployments/4/stop/': new Refusal(409, 'it is being deleted') })
  await show(<StopRowsButton kind="deployments" rows={[row(4, true)]} onDone={done} />)
  fireEvent.click(screen.getByRole('button', { name: 'Stop…' }))
  fireEvent.click(await screen.findByRole('button', { name: 'Stop' }))
  expect(await screen.findByText('it is being deleted')).toBeVisible()
  expect(done).not.toHaveBeenCalled()
  fireEvent.click(screen.getByRole('button', { name: 'Keep them running' }))
  await waitFor(() => expect(screen.queryByText('it is being deleted')).toBeNull())
})

test('of several refusals it says how many there are, and why each row goes on', async () => {
  platform({
    'POST /api/inferences/1/stop/': {},
    'POST /api/inferences/3/stop/': new Refusal(409, 'it is being deleted'),
    'POST /api/inferences/4/stop/': new Refusal(403, 'it is not yours'),
  })
  await show(<StopRowsButton kind="inferences" rows={[1, 3, 4].map((id) => row(id, true))} onDone={vi.fn()} />)
  fireEvent.click(screen.getByRole('button', { name: 'Stop…' }))
  fireEvent.click(await screen.findByRole('button', { name: 'Stop' }))
  const alert = await screen.findByRole('alert')
  expect(alert).toHaveTextContent('2 of 3 inferences were not stopped')
  expect(
    within(alert)
      .getAllByRole('listitem')
      .map((item) => item.textContent),
  ).toEqual(['inference 3 it is being deleted', 'inference 4 it is not yours'])
})

test('all ticked rows are asked about at once before they are deleted', async () => {
  let asked = ''
  platform({
    'GET /api/streams/deletion/': ({ path }: { path: string }) => {
      asked = path
      return []
    },
  })
  await show(<DeleteButton kind="streams" ids={[5, 8]} onDone={vi.fn()} />)
  expect(asked).toBe('')
  fireEvent.click(screen.getByRole('button', { name: 'Delete…' }))
  expect(await screen.findByText('Already deleted')).toBeVisible()
  expect(decodeURIComponent(asked)).toBe('/api/streams/deletion/?ids=5,8')
})

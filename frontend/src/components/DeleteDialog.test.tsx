import { fireEvent, screen, waitFor } from '@testing-library/react'
import { expect, test, vi } from 'vitest'
import type { Deletion } from '~/lib/api'
import { platform, Refusal, show } from '~/testing/page'
import { DeleteDialog } from './DeleteDialog'

const GOES: Deletion = { id: 1, name: 'digits', losses: ['its code: 2 lines'], careful: true, obstacle: null }
const STAYS: Deletion = {
  ...GOES,
  id: 2,
  name: 'old',
  losses: [],
  obstacle: {
    detail: "model 'old' is in use by 2 others",
    hint: 'delete or change them first',
    users: [
      { type: 'configuration', id: 3, name: 'both' },
      { type: 'result', id: 7, name: 'of deployment 4' },
    ],
  },
}

async function opened(ids: number[], ...deletions: Deletion[]) {
  const done = vi.fn()
  const written = platform({
    'GET /api/models/deletion/': deletions,
    'DELETE /api/models/1/': null,
    'DELETE /api/models/4/': new Refusal(409, 'it is in use now'),
  })
  await show(<DeleteDialog kind="models" ids={ids} onClose={() => {}} onDeleted={done} />)
  return { written, done }
}

test('one that can go wants its name typed', async () => {
  const { written, done } = await opened([1], GOES)
  expect(await screen.findByText('its code: 2 lines')).toBeVisible()
  const button = screen.getByRole('button', { name: 'Delete' })
  expect(button).toBeDisabled()
  fireEvent.change(screen.getByLabelText('Type digits to confirm'), { target: { value: 'digits' } })
  fireEvent.click(button)
  await waitFor(() => expect(done).toHaveBeenCalled())
  expect(written.map((asked) => `${asked.method} ${asked.path}`)).toEqual(['DELETE /api/models/1/'])
})

test('one that others need is refused before anything is asked, with links to them', async () => {
  await opened([2], STAYS)
  expect(await screen.findByText('Model old cannot be deleted now')).toBeVisible()
  expect(screen.getByText("Model 'old' is in use by 2 others. Delete or change them first.")).toBeVisible()
  expect(screen.getByRole('link', { name: 'configuration both' })).toHaveAttribute('href', '/configurations/3')
  expect(screen.getByRole('link', { name: 'result 7' })).toHaveAttribute('href', '/results/7')
  expect(screen.queryByRole('button', { name: 'Delete' })).toBeNull()
})

test('of several it says which go and which stay, and asks once', async () => {
  const { written, done } = await opened([1, 2], GOES, STAYS)
  expect(await screen.findByText('Delete 1 model?')).toBeVisible()
  expect(screen.getByText(/One is in use and stays/)).toBeVisible()
  expect(screen.getByRole('link', { name: 'result 7' })).toBeVisible()
  fireEvent.change(screen.getByLabelText('Type 1 to confirm'), { target: { value: '1' } })
  fireEvent.click(screen.getByRole('button', { name: 'Delete' }))
  await waitFor(() => expect(done).toHaveBeenCalled())
  expect(written).toHaveLength(1)
})

test('one that came into use meanwhile says so, and those before it are gone', async () => {
  const { written, done } = await opened([1, 4], { ...GOES, careful: false }, { ...GOES, id: 4, careful: false })
  fireEvent.click(await screen.findByRole('button', { name: 'Delete' }))
  expect(await screen.findByText('it is in use now')).toBeVisible()
  expect(written).toHaveLength(2)
  expect(done).not.toHaveBeenCalled()
})

test('of several that others need none is asked about, and many users are counted', async () => {
  const users = [1, 2, 3, 4, 5].map((id) => ({ type: 'deployment', id, name: '' }))
  const many = { detail: 'in use by 5 others', hint: 'delete or change them first', users }
  await opened([2, 5], STAYS, { ...STAYS, id: 5, name: 'older', obstacle: many })
  expect(await screen.findByText('None of 2 models can be deleted now')).toBeVisible()
  const [, older] = screen.getAllByRole('listitem')
  expect(older).toHaveTextContent('(deployment 1, deployment 2, deployment 3 and 2 more)')
  expect(screen.queryByRole('button', { name: 'Delete' })).toBeNull()
})

test('an answer that did not come is asked for again', async () => {
  const refused = vi.fn(() => new Refusal(503, 'the platform is starting'))
  platform({ 'GET /api/models/deletion/': refused })
  await show(<DeleteDialog kind="models" ids={[1]} onClose={() => {}} onDeleted={() => {}} />)
  expect(await screen.findByText('the platform is starting')).toBeVisible()
  fireEvent.click(screen.getByRole('button', { name: /again/i }))
  await waitFor(() => expect(refused).toHaveBeenCalledTimes(2))
})

test('closing asks nothing and deletes nothing', async () => {
  const close = vi.fn()
  const written = platform({ 'GET /api/models/deletion/': [GOES] })
  await show(<DeleteDialog kind="models" ids={[1]} onClose={close} onDeleted={() => {}} />)
  fireEvent.click(await screen.findByRole('button', { name: 'Cancel' }))
  expect(close).toHaveBeenCalled()
  expect(written).toEqual([])
})

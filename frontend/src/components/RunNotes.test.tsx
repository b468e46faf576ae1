import { screen, waitFor } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { expect, test } from 'vitest'
import { platform, show } from '~/testing/page'
import { FavouriteStar, RunNotesDialog, Tags } from './RunNotes'

const RUN = { id: 7, name: 'first', model_name: 'digits', notes: '', tags: ['old'], favourite: false }

test('a star is set at once, by those who may', async () => {
  const asked = platform({ 'PATCH /api/results/7/': { ...RUN, favourite: true } })
  const { unmount } = await show(<FavouriteStar run={RUN} />)
  const user = userEvent.setup({ pointerEventsCheck: 0 })
  await user.click(await screen.findByRole('button', { name: 'Favourite: result 7', hidden: true, pressed: false }))
  await waitFor(() => expect(asked).toHaveLength(1))
  expect(asked[0]).toMatchObject({ method: 'PATCH', body: { favourite: true } })
  unmount()
  await show(<FavouriteStar run={{ ...RUN, favourite: true }} />, { role: 'viewer' })
  expect(await screen.findByRole('button', { name: 'Favourite: result 7', hidden: true, pressed: true })).toBeDisabled()
})

test('name, notes and tags are saved together', async () => {
  const asked = platform({ 'PATCH /api/results/7/': RUN })
  let closed = 0
  await show(<RunNotesDialog run={RUN} onClose={() => (closed += 1)} />)
  const user = userEvent.setup({ pointerEventsCheck: 0 })
  const name = await screen.findByLabelText('Name')
  await user.clear(name)
  await user.type(name, 'second')
  await user.type(screen.getByLabelText('Notes'), 'with dropout')
  await user.type(screen.getByLabelText('Tags', { selector: 'input' }), 'new{Enter}')
  await user.click(screen.getByRole('button', { name: 'Save', hidden: true }))
  await waitFor(() => expect(closed).toBe(1))
  expect(asked[0]?.body).toEqual({ name: 'second', notes: 'with dropout', tags: ['old', 'new'] })
})

test('tags are words, and no tags are nothing', async () => {
  const { container } = await show(<Tags tags={['baseline', 'v2']} />)
  expect(await screen.findByText('baseline')).toBeInTheDocument()
  expect(container).toHaveTextContent('baselinev2')
})

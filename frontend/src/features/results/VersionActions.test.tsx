import { screen, waitFor } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { expect, test, vi } from 'vitest'
import type { Inference, Result, Version } from '~/lib/api'
import { inference, version } from '~/testing/inference'
import { platform, Refusal, show } from '~/testing/page'
import { VersionActions } from './VersionActions'

// Skips the check for visibility, which costs jsdom seconds, because everything here is visible.
const FAST = { hidden: true }
const RESULT = { id: 7, current_version: 3 } as Result

async function opened(shown: Version, serving: readonly Inference[] = []) {
  await show(<VersionActions result={RESULT} version={shown} serving={serving} onFiles={vi.fn()} />)
  const user = userEvent.setup({ pointerEventsCheck: 0 })
  await user.click(await screen.findByRole('button', { ...FAST, name: `Actions for version ${shown.number}` }))
  await screen.findAllByRole('menuitem', FAST)
  const choose = async (name: string) => user.click(screen.getByRole('menuitem', { ...FAST, name }))
  const press = async (name: string) => user.click(await screen.findByRole('button', { ...FAST, name }))
  return { user, choose, press }
}

test('an older version is rolled back to, with a reason, and says who goes over', async () => {
  const asked = platform({ 'POST /api/results/7/versions/2/promote/': version(2, { current: true }) })
  const { user, choose, press } = await opened(version(2), [inference({ follows: true })])
  await choose('Roll back…')
  expect(await screen.findByText(/Inference 3 follows the result and switches to it/)).toBeInTheDocument()
  await user.type(screen.getByRole('textbox', { ...FAST, name: 'Reason' }), 'slow')
  await press('Roll back')
  await waitFor(() => expect(screen.queryByRole('dialog', FAST)).toBeNull())
  expect(asked.map(({ path, body }) => [path, body])).toEqual([['/api/results/7/versions/2/promote/', { why: 'slow' }]])
})

test('one that is deleted is named with what is lost; a refusal stays in the dialog', async () => {
  const asked = platform({ 'DELETE /api/results/7/versions/4/': new Refusal(409, 'inference 3 serves it') })
  const { choose, press } = await opened(version(4))
  await choose('Delete…')
  expect(await screen.findByText('1 file, 2.00 KiB')).toBeInTheDocument()
  await press('Delete')
  expect(await screen.findByText('inference 3 serves it')).toBeInTheDocument()
  expect(asked).toHaveLength(1)
})

test('pinning takes one click, and its refusal is shown', async () => {
  const asked = platform({ 'PATCH /api/results/7/versions/2/': new Refusal(403, 'needs the role of an editor') })
  const { choose } = await opened(version(2))
  await choose('Pin: keep it when old versions are deleted')
  expect(await screen.findByText('needs the role of an editor')).toBeInTheDocument()
  expect(asked[0]?.body).toEqual({ pinned: true })
})

test('the current one cannot be deleted nor made current, a pinned one can be let go', async () => {
  platform({})
  await opened(version(3, { current: true, pinned: true }))
  expect(screen.getAllByRole('menuitem', FAST).map((menuitem) => menuitem.textContent)).toEqual([
    'Files…',
    'Serve',
    'Model card',
    'Unpin',
  ])
})

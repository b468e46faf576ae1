import { screen, waitFor } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { expect, test } from 'vitest'
import { inference, version, withCanary } from '~/testing/inference'
import { page, platform, Refusal, show } from '~/testing/page'
import { ServedVersion } from './ServedVersion'

// Skips the check for visibility, which costs jsdom seconds, because everything here is visible.
const FAST = { hidden: true }
const button = (name: string) => screen.findByRole('button', { ...FAST, name })
const READ = {
  'GET /api/results/7/versions/': page(version(2, { current: true }), version(1)),
  'GET /api/inferences/3/swaps/': page(),
}

test('a swap is asked for in its dialog; one that is refused says why there', async () => {
  const asked = platform({ ...READ, 'POST /api/inferences/3/swap/': new Refusal(400, 'it answers (3,)', {}) })
  await show(<ServedVersion inference={withCanary()} />)
  const user = userEvent.setup({ pointerEventsCheck: 0 })
  await user.click(await button('Serve another version…'))
  expect(await screen.findByText(/The canary of version 2 ends/)).toBeInTheDocument()
  await user.click(screen.getByRole('combobox', { ...FAST, name: 'Version' }))
  await user.click(await screen.findByRole('option', { ...FAST, name: /^Version 2, current/ }))
  await user.click(await button('Serve'))
  expect(await screen.findByRole('alert', FAST)).toHaveTextContent('it answers (3,)')
  expect(asked.map((request) => request.body)).toEqual([{ version: 2 }])
})

test('rolling back and following are one click, where there is something to go to', async () => {
  const answered = inference()
  const asked = platform({
    ...READ,
    'POST /api/inferences/3/rollback/': answered,
    'POST /api/inferences/3/follow/': answered,
  })
  await show(<ServedVersion inference={inference({ previous_version: 2 })} />)
  const user = userEvent.setup({ pointerEventsCheck: 0 })
  await user.click(await button('Roll back to version 2'))
  await user.click(await button('Follow the current version'))
  await waitFor(() => expect(asked).toHaveLength(2))
  expect(asked.map((request) => request.path)).toEqual(['/api/inferences/3/rollback/', '/api/inferences/3/follow/'])
})

test('a shadow offers no other version, nor does one offer a way back that has none', async () => {
  platform(READ)
  const { unmount } = await show(<ServedVersion inference={withCanary({ shadow_of: 9 })} />)
  expect(await screen.findByText(/A shadow only compares/)).toBeInTheDocument()
  expect(screen.queryByRole('button', FAST)).toBeNull()
  unmount()
  await show(<ServedVersion inference={inference({ follows: true })} />)
  expect(await screen.findByText(/It follows the result/)).toBeInTheDocument()
  expect(screen.getAllByRole('button', FAST).map((shown) => shown.textContent)).toEqual(['Serve another version…'])
})

test('changes of version, canary and limit are distinguished', async () => {
  const change = (id: number, from: number | null, more: object) => ({
    id,
    replica: 0,
    revision: id,
    from_version: from,
    version: 2,
    challenger: null,
    limit: null,
    at: '2026-11-29T12:00:00Z',
    positions: {},
    gap_seconds: 0.1,
    loading_seconds: 1,
    failure: null,
    ...more,
  })
  const rows = [
    change(1, 1, { limit: 0.8 }),
    change(2, 2, { limit: 0.9 }),
    change(3, 2, { challenger: 3 }),
    change(4, 2, {}),
  ]
  platform({ ...READ, 'GET /api/inferences/3/swaps/': page(...rows) })
  await show(<ServedVersion inference={inference()} />)
  for (const text of ['1 → 2, limit 0.8', '2, limit 0.9', '2, 3 next to it', '2 alone'])
    expect(await screen.findByText(text)).toBeInTheDocument()
})

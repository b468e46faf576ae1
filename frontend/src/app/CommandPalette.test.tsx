import { fireEvent, screen, waitFor } from '@testing-library/react'
import { expect, test, vi } from 'vitest'
import { page, platform, show } from '~/testing/page'
import CommandPalette from './CommandPalette'

const LISTS = ['models', 'configurations', 'datasets', 'deployments', 'results', 'inferences', 'topics', 'streams']

function found(rows: Record<string, object[]> = {}) {
  return Object.fromEntries(LISTS.map((kind) => [`GET /api/${kind}/`, page(...(rows[kind] ?? []))]))
}

async function opened(rows: Record<string, object[]> = {}, role: 'viewer' | 'editor' | 'admin' = 'editor') {
  platform({ ...found(rows), 'POST /api/logout/': null })
  const sheet = vi.fn()
  const shown = await show(<CommandPalette openings={1} onSheet={sheet} />, { role })
  const field = await screen.findByRole('textbox', { name: 'Search and commands' })
  return { ...shown, sheet, field, type: (value: string) => fireEvent.change(field, { target: { value } }) }
}

const offered = () => screen.queryAllByRole('button').map((button) => button.textContent)

test('objects of all kinds and topics are found by name, and Enter goes to the first', async () => {
  const { type, field, router } = await opened({
    models: [{ id: 4, name: 'machines-net' }],
    topics: [{ name: 'machines/raw' }],
  })
  type('machines')
  expect(await screen.findByText('machines/raw')).toBeVisible()
  expect(screen.getByText('Model 4')).toBeVisible()
  await waitFor(() => expect(document.querySelector('[data-selected]')).toHaveTextContent('machines-net'))
  fireEvent.keyDown(field, { key: 'Enter', code: 'Enter' })
  await waitFor(() => expect(router.state.location.pathname).toBe('/models/4'))
})

test('what is found later than commands is the first all the same, unless the arrows have gone on', async () => {
  for (const moved of [false, true]) {
    let answer = () => {}
    const asked = new Promise<void>((resolve) => {
      answer = resolve
    })
    platform({ ...found(), 'GET /api/models/': () => asked.then(() => page({ id: 4, name: 'theme-net' })) })
    const { unmount } = await show(<CommandPalette openings={1} onSheet={() => {}} />)
    const field = await screen.findByRole('textbox', { name: 'Search and commands' })
    fireEvent.change(field, { target: { value: 'theme' } })
    const selected = () => document.querySelector('[data-selected]')
    await waitFor(() => expect(selected()).toHaveTextContent('Theme: light'))
    if (moved) fireEvent.keyDown(field, { key: 'ArrowDown', code: 'ArrowDown' })
    answer()
    expect(await screen.findByText('theme-net')).toBeVisible()
    await waitFor(() => expect(selected()).toHaveTextContent(moved ? 'Theme: dark' : 'theme-net'))
    unmount()
  }
})

test('a number finds what has it as its own, whatever it is called', async () => {
  const named = { id: 12, name: 'Wide layers', model_name: 'digits', state: 'finished' }
  const { type } = await opened({ results: [named] })
  type('12')
  expect(await screen.findByText('Result 12')).toBeVisible()
  expect(screen.getByText('Wide layers (digits)')).toBeVisible()
})

test('commands go by other words too, and what fits nothing says so', async () => {
  const { type } = await opened()
  type('log out')
  await waitFor(() => expect(offered()).toEqual(['Sign out']))
  type('no such thing')
  expect(await screen.findByText('No match')).toBeVisible()
})

test('viewers are offered nothing that they may not do', async () => {
  const { type } = await opened({}, 'viewer')
  type('new')
  expect(await screen.findByText('No match')).toBeVisible()
  type('users')
  expect(await screen.findByText('No match')).toBeVisible()
})

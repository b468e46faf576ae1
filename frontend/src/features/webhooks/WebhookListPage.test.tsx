import { fireEvent, screen, waitFor, within } from '@testing-library/react'
import { expect, test } from 'vitest'
import type { Webhook } from '~/lib/api'
import { page, platform, show } from '~/testing/page'
import { WebhookListPage } from './WebhookListPage'

// Skips the check for visibility, which costs jsdom seconds, because everything here is visible.
const FAST = { hidden: true }
const WORKS = {
  id: 1,
  url: 'https://ci.example.org/hook',
  enabled: true,
  events: ['version.promoted'],
  delivered_at: '2026-01-01T00:00:00Z',
  waiting: 0,
  error: '',
  error_at: null,
} as unknown as Webhook
const FAILS = { ...WORKS, id: 2, url: 'https://old.example.org/', error: 'it answered 410', waiting: 1200 }
const OFF = { ...WORKS, id: 3, url: 'https://off.example.org/', enabled: false, delivered_at: null }

async function opened(...webhooks: Webhook[]) {
  const asked = platform({
    'GET /api/webhooks/': page(...webhooks),
    'POST /api/webhooks/1/ping/': WORKS,
    'PATCH /api/webhooks/3/': { ...OFF, enabled: true },
    'POST /api/webhooks/2/new_secret/': { ...FAILS, secret: 'whsec_other' },
    'DELETE /api/webhooks/2/': null,
  })
  await show(<WebhookListPage />, { role: 'admin', at: '/webhooks' })
  const press = (name: string) => fireEvent.click(screen.getByRole('button', { ...FAST, name }))
  const act = async (webhook: Webhook, action: string) => {
    press(`Actions for ${webhook.url}`)
    fireEvent.click(await screen.findByRole('menuitem', { ...FAST, name: action }))
  }
  return { asked, press, act }
}

test('each webhook says whether it takes its notifications', async () => {
  await opened(WORKS, FAILS, OFF)
  const row = async (webhook: Webhook) => within((await screen.findByText(webhook.url)).closest('tr') as HTMLElement)
  expect((await row(WORKS)).getByText('works')).toBeInTheDocument()
  expect((await row(FAILS)).getByText('fails')).toBeInTheDocument()
  expect((await row(FAILS)).getByText('it answered 410')).toBeInTheDocument()
  expect((await row(FAILS)).getByText('1,200')).toBeInTheDocument()
  expect((await row(OFF)).getByText('off')).toBeInTheDocument()
  expect((await row(OFF)).getByText('never')).toBeInTheDocument()
})

test('one is tried and switched on from its row', async () => {
  const { asked, act } = await opened(WORKS, FAILS, OFF)
  await screen.findByText(WORKS.url)
  await act(WORKS, 'Send a test')
  await act(OFF, 'Switch on')
  await waitFor(() =>
    expect(asked.map((request) => [request.method, request.path, request.body])).toEqual([
      ['POST', '/api/webhooks/1/ping/', null],
      ['PATCH', '/api/webhooks/3/', { enabled: true }],
    ]),
  )
})

test('a replaced secret is shown once, and what is lost is said before one is deleted', async () => {
  const { asked, press, act } = await opened(FAILS)
  await screen.findByText(FAILS.url)
  await act(FAILS, 'Replace the secret…')
  fireEvent.click(await screen.findByRole('button', { ...FAST, name: 'Replace' }))
  expect(await screen.findByText('whsec_other')).toBeInTheDocument()
  await act(FAILS, 'Delete…')
  expect(await screen.findByText('Undelivered requests: 1,200')).toBeInTheDocument()
  press('Delete')
  await waitFor(() => expect(asked.map((request) => request.method)).toEqual(['POST', 'DELETE']))
})

test('where there is none, one can be added', async () => {
  const { press } = await opened()
  expect(await screen.findByText('No webhooks yet')).toBeInTheDocument()
  fireEvent.click(screen.getAllByRole('button', { ...FAST, name: 'Add a webhook' })[0] as HTMLElement)
  expect(await screen.findByLabelText(/^Address/)).toBeInTheDocument()
  press('Cancel')
})

test('others than admins see why they see nothing', async () => {
  platform({})
  await show(<WebhookListPage />, { role: 'editor', at: '/webhooks' })
  expect(screen.queryByText('Add a webhook')).toBeNull()
  expect(screen.getByText(/Ask an admin/)).toBeInTheDocument()
})

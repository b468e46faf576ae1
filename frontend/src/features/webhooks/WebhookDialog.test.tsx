import { fireEvent, screen, waitFor } from '@testing-library/react'
import { expect, test, vi } from 'vitest'
import type { Webhook } from '~/lib/api'
import { platform, Refusal, show } from '~/testing/page'
import { WebhookDialog } from './WebhookDialog'

// Skips the check for visibility, which costs jsdom seconds, because everything here is visible.
const FAST = { hidden: true }
const URL = 'https://ci.example.org/hook'

async function opened(webhook: Webhook | null) {
  const onMade = vi.fn()
  await show(<WebhookDialog webhook={webhook} onClose={vi.fn()} onDone={vi.fn()} onMade={onMade} />, { role: 'admin' })
  const type = async (label: RegExp, value: string) =>
    fireEvent.change(await screen.findByLabelText(label), { target: { value } })
  const press = (name: string) => fireEvent.click(screen.getByRole('button', { ...FAST, name }))
  return { onMade, type, press }
}

test('a secret that the platform made is handed on; a host that is not allowed is said at the address', async () => {
  const answers: Record<string, unknown> = {
    'POST /api/webhooks/': new Refusal(400, 'no', { url: 'may not be notified' }),
  }
  const asked = platform(answers)
  const { onMade, type, press } = await opened(null)
  await type(/^Address/, 'ci.example.org')
  press('Add')
  expect(await screen.findByText(/^Expected an address such as/)).toBeInTheDocument()
  await type(/^Address/, URL)
  press('Add')
  await waitFor(() => expect(screen.getByLabelText(/^Address/)).toHaveAttribute('aria-invalid', 'true'))
  answers['POST /api/webhooks/'] = { id: 1, url: URL, secret: 'whsec_made' }
  press('Add')
  await waitFor(() => expect(onMade).toHaveBeenCalledWith({ id: 1, url: URL, secret: 'whsec_made' }))
  expect(asked.at(-1)?.body).toEqual({ url: URL, events: ['version.promoted'] })
})

test('with another address the secret is asked for again', async () => {
  const asked = platform({ 'PATCH /api/webhooks/1/': {} })
  const { type, press } = await opened({ id: 1, url: URL } as Webhook)
  await type(/^Address/, `${URL}/2`)
  press('Save')
  expect(await screen.findByText('The address has changed: enter the secret again')).toBeInTheDocument()
  await type(/^Secret/, 'whsec_ours')
  press('Save')
  await waitFor(() => expect(asked.map((request) => request.body)).toEqual([{ url: `${URL}/2`, secret: 'whsec_ours' }]))
})

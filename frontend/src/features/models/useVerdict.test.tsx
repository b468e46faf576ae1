import { fireEvent, screen, waitFor } from '@testing-library/react'
import { expect, test } from 'vitest'
import { type Asked, platform, show } from '~/testing/page'
import { useVerdict } from './useVerdict'

const SOURCE = { framework: 'pytorch', code: 'while True: pass', imports: '', distributed: false } as const

function Form() {
  const { checking, checked, check, cancel, cancelled } = useVerdict(SOURCE as never, { auto: false, known: null })
  return (
    <>
      <output>{checking ? 'checking' : checked ? 'checked' : cancelled ? 'cancelled' : 'unknown'}</output>
      <button type="button" onClick={() => void check()}>
        Check
      </button>
      <button type="button" onClick={cancel}>
        Cancel
      </button>
    </>
  )
}

/** Checks that end only when the test ends them. */
function endless() {
  const ends = new Map<string, (verdict: object) => void>()
  const ticketOf = ({ body }: Asked) => (body as { ticket: string }).ticket
  return platform({
    'POST /api/models/validate/': (asked: Asked) =>
      new Promise<object>((resolve) => void ends.set(ticketOf(asked), resolve)),
    'POST /api/models/validate/cancel/': (asked: Asked) => {
      ends.get(ticketOf(asked))?.({ valid: true, report: null, error: null, output: '' })
      return {}
    },
  })
}

const tickets = (written: { path: string; body: unknown }[], path: string) =>
  written.filter((request) => request.path === path).map((request) => (request.body as { ticket: string }).ticket)

test('a check that is cancelled ends in the executor, and leaves nothing known of the code', async () => {
  const written = endless()
  await show(<Form />)
  fireEvent.click(screen.getByRole('button', { name: 'Check' }))
  expect(await screen.findByText('checking')).toBeVisible()
  await waitFor(() => expect(written).toHaveLength(1))
  fireEvent.click(screen.getByRole('button', { name: 'Cancel' }))
  expect(screen.getByText('cancelled')).toBeVisible()
  await waitFor(() => expect(written).toHaveLength(2))
  const [ticket] = tickets(written, '/api/models/validate/')
  expect(tickets(written, '/api/models/validate/cancel/')).toEqual([ticket])
  // A late answer to the cancelled check is ignored.
  expect(screen.getByText('cancelled')).toBeVisible()
})

test('another check, and leaving the page, end the one before', async () => {
  const written = endless()
  const { unmount } = await show(<Form />)
  for (const _ of [1, 2]) fireEvent.click(screen.getByRole('button', { name: 'Check' }))
  await waitFor(() => expect(tickets(written, '/api/models/validate/')).toHaveLength(2))
  const [first, second] = tickets(written, '/api/models/validate/')
  await waitFor(() => expect(tickets(written, '/api/models/validate/cancel/')).toEqual([first]))
  unmount()
  await waitFor(() => expect(tickets(written, '/api/models/validate/cancel/')).toContain(second))
})

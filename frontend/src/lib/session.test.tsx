import { screen, waitFor } from '@testing-library/react'
import { afterEach, expect, test, vi } from 'vitest'
import { platform, show } from '~/testing/page'
import { SESSION_KEY, SessionProvider, useSession } from './session'

const ADA = { id: 1, username: 'ada', role: 'editor' as const, is_active: true }
const asked: object[] = []

afterEach(() => void asked.splice(0))

/** A tab whose session is ``session`` when requested; returns the other tab of the browser. */
async function tab(session: () => unknown): Promise<BroadcastChannel> {
  const other = new BroadcastChannel('kml-session')
  platform({
    'GET /api/session/': () => {
      asked.push({})
      return session()
    },
  })
  const { queryClient } = await show(
    <SessionProvider signIn={() => <p>Your session has ended</p>} loading={null} failed={() => null}>
      <Name />
    </SessionProvider>,
  )
  await queryClient.invalidateQueries({ queryKey: SESSION_KEY })
  return other
}

function Name() {
  return <p>{useSession().user.username}</p>
}

test('signing in in another tab takes the dialog away, signing out there brings it', async () => {
  let user: typeof ADA | null = null
  const other = await tab(() => ({ user, csrf_token: 'token', last_event_id: null }))
  expect(await screen.findByText('Your session has ended')).toBeTruthy()
  expect(screen.getByText('ada')).toBeTruthy()
  user = ADA
  other.postMessage(ADA.id)
  await waitFor(() => expect(screen.queryByText('Your session has ended')).toBeNull())
  // A tab that reports the same user again causes no request.
  const before = asked.length
  other.postMessage(ADA.id)
  user = null
  other.postMessage(null)
  expect(await screen.findByText('Your session has ended')).toBeTruthy()
  expect(asked.length).toBe(before + 2)
  other.close()
})

test('a page of one person is not left for another who signed in elsewhere', async () => {
  const reload = vi.fn()
  vi.stubGlobal('location', { ...window.location, reload })
  let user = ADA
  const other = await tab(() => ({ user, csrf_token: 'token', last_event_id: null }))
  user = { ...ADA, id: 2, username: 'bob' }
  other.postMessage(2)
  await waitFor(() => expect(reload).toHaveBeenCalled())
  vi.unstubAllGlobals()
  other.close()
})

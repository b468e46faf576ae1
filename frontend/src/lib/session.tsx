/** Who is signed in. Pages are drawn only for signed-in users, and what a role forbids is not offered. */
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { createContext, type ReactNode, use, useCallback, useEffect, useMemo, useRef, useState } from 'react'
import { logoutCreate, type RoleEnum, type Session, sessionRetrieve, setCsrfToken, type User } from './api'

const RANK: Record<RoleEnum, number> = { viewer: 0, editor: 1, admin: 2 }
const KEY = ['session']

interface SessionValue {
  user: User
  /** Whether the user may do what needs ``role``. */
  can: (role: RoleEnum) => boolean
  signOut: () => Promise<void>
}

const SessionContext = createContext<SessionValue | null>(null)

async function readSession(): Promise<Session> {
  const { data } = await sessionRetrieve({ throwOnError: true })
  setCsrfToken(data.csrf_token)
  return data
}

/**
 * Shows ``children`` to a signed-in user, and ``signIn`` to others. The address stays, so that they arrive where they
 * wanted. When a session ends in the middle of work, the page stays as it is under the sign-in form.
 */
export function SessionProvider({
  children,
  signIn,
  loading,
  failed,
}: {
  children: ReactNode
  /** ``over``: the name of the user whose page lies under the form; null when there is none. */
  signIn: (onSignedIn: (session: Session) => void, over: string | null) => ReactNode
  loading: ReactNode
  failed: (error: unknown, retry: () => void) => ReactNode
}) {
  const queryClient = useQueryClient()
  const session = useQuery({ queryKey: KEY, queryFn: readSession, staleTime: 60_000, retry: 2 })
  const user = session.data?.user ?? null
  // The user who was signed in before. Their page is kept when the session expires.
  const [last, setLast] = useState<User | null>(null)
  const ended = useRef(false)
  const tellOthers = useOtherTabs((id) => {
    if (id !== user?.id) void queryClient.invalidateQueries({ queryKey: KEY })
  })
  useEffect(() => {
    if (user === null) {
      ended.current = last !== null
      return
    }
    if (last !== null && user.id !== last.id) {
      // The page is loaded again for another user, so that nothing of the previous user remains.
      window.location.reload()
      return
    }
    // Queries that were refused after the session ended are repeated.
    if (ended.current) void queryClient.invalidateQueries({ predicate: ({ queryKey }) => queryKey !== KEY })
    ended.current = false
    if (last === null) tellOthers(user.id)
    setLast(user)
  }, [user, last, queryClient, tellOthers])
  const signedIn = useCallback(
    (next: Session) => {
      setCsrfToken(next.csrf_token)
      queryClient.setQueryData(KEY, next)
    },
    [queryClient],
  )
  const shown = user ?? last
  const value = useMemo<SessionValue | null>(
    () =>
      shown && {
        user: shown,
        can: (role) => RANK[shown.role] >= RANK[role],
        signOut: async () => {
          await logoutCreate({ throwOnError: true })
          tellOthers(null)
          window.location.assign('/')
        },
      },
    [shown, tellOthers],
  )
  if (session.isPending) return loading
  if (session.isError && !session.data) return failed(session.error, () => void session.refetch())
  if (value === null) return signIn(signedIn, null)
  return (
    <SessionContext value={value}>
      {children}
      {user === null && signIn(signedIn, value.user.username)}
    </SessionContext>
  )
}

/**
 * Tabs of one browser share a session. Returns a function that reports the session's user to the other tabs (null after
 * signing out). ``onUser`` is called when another tab reports.
 */
function useOtherTabs(onUser: (user: number | null) => void): (user: number | null) => void {
  const channel = useRef<BroadcastChannel | null>(null)
  const latest = useRef(onUser)
  useEffect(() => {
    latest.current = onUser
  })
  useEffect(() => {
    const opened = new BroadcastChannel('kml-session')
    opened.onmessage = ({ data }: MessageEvent<number | null>) => latest.current(data)
    channel.current = opened
    return () => opened.close()
  }, [])
  return useCallback((user) => channel.current?.postMessage(user), [])
}

export function useSession(): SessionValue {
  const session = use(SessionContext)
  if (session === null) throw new Error('useSession needs a SessionProvider around it')
  return session
}

/**
 * The query to invalidate when an answer says that nobody is signed in: the sign-in form appears, and drafts are kept.
 */
export const SESSION_KEY = KEY

/** Who is signed in. Pages are drawn only for somebody; what a role may not do is not offered. */
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { createContext, type ReactNode, use, useCallback, useEffect, useMemo, useState } from 'react'
import { logoutCreate, type RoleEnum, type Session, sessionRetrieve, setCsrfToken, type User } from './api'

const RANK: Record<RoleEnum, number> = { viewer: 0, editor: 1, admin: 2 }
const KEY = ['session']

interface SessionValue {
  user: User
  /** Whether the person may do what needs ``role``. */
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
 * Shows ``children`` to whoever is signed in, ``signIn`` to others; the address stays, so that they arrive where they
 * wanted. When a session ends in the middle of work, the page stays as it is under the sign-in form.
 */
export function SessionProvider({
  children,
  signIn,
  loading,
  failed,
}: {
  children: ReactNode
  /** ``over``: the name of whose work is under the form. */
  signIn: (onSignedIn: (session: Session) => void, over: string | null) => ReactNode
  loading: ReactNode
  failed: (error: unknown, retry: () => void) => ReactNode
}) {
  const queryClient = useQueryClient()
  const session = useQuery({ queryKey: KEY, queryFn: readSession, staleTime: 60_000, retry: 2 })
  const user = session.data?.user ?? null
  // Who was signed in before: their page is kept when the session ends by itself.
  const [last, setLast] = useState<User | null>(null)
  useEffect(() => {
    if (user) setLast(user)
  }, [user])
  const signedIn = useCallback(
    (next: Session) => {
      setCsrfToken(next.csrf_token)
      if (last !== null && next.user?.id !== last.id) {
        // Nothing of one person's is left for another.
        window.location.reload()
        return
      }
      queryClient.setQueryData(KEY, next)
      if (last !== null) void queryClient.invalidateQueries()
    },
    [queryClient, last],
  )
  const shown = user ?? last
  const value = useMemo<SessionValue | null>(
    () =>
      shown && {
        user: shown,
        can: (role) => RANK[shown.role] >= RANK[role],
        signOut: async () => {
          await logoutCreate({ throwOnError: true })
          window.location.assign('/')
        },
      },
    [shown],
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

export function useSession(): SessionValue {
  const session = use(SessionContext)
  if (session === null) throw new Error('useSession needs a SessionProvider around it')
  return session
}

/** Called when an answer says that nobody is signed in any more: the sign-in form appears, drafts are kept. */
export const SESSION_KEY = KEY

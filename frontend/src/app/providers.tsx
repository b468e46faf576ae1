/** The context of every page: theme, queries, dialogs, toasts. */
import '@mantine/core/styles.css'
import '@mantine/notifications/styles.css'
import './global.css'
import { localStorageColorSchemeManager, MantineProvider, useComputedColorScheme } from '@mantine/core'
import { ModalsProvider } from '@mantine/modals'
import { Notifications } from '@mantine/notifications'
import { MutationCache, QueryCache, QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { type ReactNode, useEffect } from 'react'
import { Problem } from '~/lib/problem'
import { SESSION_KEY } from '~/lib/session'
import { theme } from '~/lib/theme'

/** When the API answers that nobody is signed in, the sign-in form appears. */
function lookAtSession(error: Error): void {
  if (error instanceof Problem && error.status === 401) {
    void queryClient.invalidateQueries({ queryKey: SESSION_KEY })
  }
}

export const queryClient: QueryClient = new QueryClient({
  queryCache: new QueryCache({
    onError: (error, query) => {
      if (query.queryKey !== SESSION_KEY) lookAtSession(error)
    },
  }),
  mutationCache: new MutationCache({ onError: lookAtSession }),
  defaultOptions: {
    // Requests are sent even when the browser reports no network: the platform may run on the same machine, and a
    // failed request at least shows an error.
    mutations: { networkMode: 'always' },
    queries: {
      networkMode: 'always',
      // Data stay fresh until an event says that they changed.
      staleTime: 30_000,
      retry: (count, error) => count < 2 && !(error instanceof Problem && error.status >= 400 && error.status < 500),
      placeholderData: (previous: unknown) => previous,
    },
  },
})

const colorSchemeManager = localStorageColorSchemeManager({ key: 'kml-color-scheme' })

export function Providers({ children }: { children: ReactNode }) {
  return (
    <QueryClientProvider client={queryClient}>
      <MantineProvider theme={theme} defaultColorScheme="auto" colorSchemeManager={colorSchemeManager}>
        <ThemeColor />
        <ModalsProvider>
          <Notifications position="bottom-right" />
          {children}
        </ModalsProvider>
      </MantineProvider>
    </QueryClientProvider>
  )
}

/** The colour of the browser's own bars follows the theme, including a theme that the user chose. */
function ThemeColor() {
  const scheme = useComputedColorScheme('light')
  useEffect(() => {
    const meta = document.querySelector('meta[name="theme-color"]')
    meta?.setAttribute('content', scheme === 'dark' ? '#16181d' : '#ffffff')
  }, [scheme])
  return null
}

/** The whole: providers, then the sign-in gate, then the frame with the page inside. */
import { Center, Loader } from '@mantine/core'
import { RouterProvider } from '@tanstack/react-router'
import { type ReactNode, Suspense } from 'react'
import { ProblemAlert } from '~/components/ProblemAlert'
import { LiveProvider } from '~/lib/live'
import { SessionProvider } from '~/lib/session'
import { AppLayout } from './AppLayout'
import { Providers } from './providers'
import { router } from './router'
import { SignIn } from './SignIn'

export function App() {
  return (
    <Providers>
      <SessionProvider
        loading={<Waiting />}
        failed={(error, retry) => (
          <main style={{ maxWidth: 640, margin: '10vh auto', padding: 16 }}>
            <ProblemAlert error={error} onRetry={retry} />
          </main>
        )}
        signIn={(onSignedIn, over) => <SignIn onSignedIn={onSignedIn} over={over} />}
      >
        <LiveProvider>
          <RouterProvider router={router} InnerWrap={Framed} />
        </LiveProvider>
      </SessionProvider>
    </Providers>
  )
}

function Framed({ children }: { children: ReactNode }) {
  return (
    <AppLayout>
      <Suspense fallback={<Waiting />}>{children}</Suspense>
    </AppLayout>
  )
}

function Waiting() {
  return (
    <Center h="40vh">
      <Loader aria-label="Loading" />
    </Center>
  )
}

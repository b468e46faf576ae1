/** Parts of pages in a test, with theme, router, session and live events, on a platform whose answers the test sets. */
import { MantineProvider } from '@mantine/core'
import { Notifications } from '@mantine/notifications'
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { createMemoryHistory, createRootRoute, createRoute, createRouter, RouterProvider } from '@tanstack/react-router'
import { render, screen } from '@testing-library/react'
import type { ReactNode } from 'react'
import { onTestFinished } from 'vitest'
import type { RoleEnum } from '~/lib/api'
import { client } from '~/lib/generated/client.gen'
import { LiveProvider } from '~/lib/live'
import { SessionProvider } from '~/lib/session'

/** The requests sent to the platform. */
export interface Asked {
  method: string
  /** The address including its query. */
  path: string
  body: unknown
}

/** A refusal: a problem document in the API's form. */
export class Refusal {
  constructor(
    readonly status: number,
    readonly detail: string,
    readonly fields: Record<string, string> = {},
  ) {}

  get document(): object {
    const errors = Object.entries(this.fields).map(([field, detail]) => ({ field, detail, code: 'invalid' }))
    return { type: 'about:blank', title: 'Refused', status: this.status, detail: this.detail, errors }
  }
}

/**
 * Set the platform's answers by method and path (without query): values, or functions of the request, which may answer
 * later. Returns the requests that are not reads, in order.
 */
export function platform(answers: Record<string, unknown>): Asked[] {
  const written: Asked[] = []
  const before = client.getConfig()
  client.setConfig({
    baseUrl: 'http://platform',
    fetch: (async (request: Request) => {
      const { pathname, search } = new URL(request.url)
      const text = await request.text()
      const asked = { method: request.method, path: pathname + search, body: text === '' ? null : JSON.parse(text) }
      if (asked.method !== 'GET') written.push(asked)
      const found = answers[`${asked.method} ${pathname}`]
      const said = await (typeof found === 'function' ? found(asked) : found)
      if (said === undefined) throw new Error(`no answer to ${asked.method} ${pathname}`)
      if (said instanceof Refusal) return answer(said.status, said.document)
      return said === null ? new Response(null, { status: 204 }) : answer(200, said)
    }) as typeof fetch,
  })
  onTestFinished(() => void client.setConfig({ baseUrl: '', fetch: globalThis.fetch, ...before }))
  return written
}

function answer(status: number, document: unknown): Response {
  return new Response(JSON.stringify(document), { status, headers: { 'Content-Type': 'application/json' } })
}

/** The answer to a request for a list. */
export function page<Row>(...results: Row[]) {
  return { count: results.length, next: null, previous: null, results }
}

class NoEvents extends EventTarget {
  readonly readyState = 1
  close(): void {}
}

/**
 * Show ``children`` to a signed-in user with a role, at the address ``at``, whose search they may read. ``platform``
 * must be called before.
 */
export async function show(children: ReactNode, { role = 'editor' as RoleEnum, at = '/' } = {}) {
  Object.defineProperty(window, 'EventSource', { value: NoEvents, configurable: true, writable: true })
  const user = { id: 1, username: 'ada', role, is_active: true }
  const queryClient = new QueryClient({ defaultOptions: { queries: { retry: false } } })
  queryClient.setQueryData(['session'], { user, csrf_token: 'token' })
  const content = () => (
    <SessionProvider signIn={() => null} loading={null} failed={() => null}>
      <LiveProvider>{children}</LiveProvider>
    </SessionProvider>
  )
  const rootRoute = createRootRoute({ component: content, notFoundComponent: content })
  const routeTree = rootRoute.addChildren([createRoute({ getParentRoute: () => rootRoute, path: at })])
  const router = createRouter({ routeTree, history: createMemoryHistory({ initialEntries: [at] }) })
  const shown = render(
    <MantineProvider env="test">
      <Notifications />
      <QueryClientProvider client={queryClient}>
        <div data-testid="page">
          {/* The route tree of the test replaces the product's. */}
          <RouterProvider router={router as never} />
        </div>
      </QueryClientProvider>
    </MantineProvider>,
  )
  await screen.findByTestId('page')
  await router.load()
  return { ...shown, router, queryClient }
}

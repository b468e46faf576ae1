/** The only access to the backend: the generated client, the token for writes, and errors as problems. */
import { client } from './generated/client.gen'
import { problemOf } from './problem'

export * from './generated/@tanstack/react-query.gen'
export * from './generated/sdk.gen'
export type * from './generated/types.gen'

let csrfToken = ''

/** Keep the CSRF token of the session. Every write sends it back. */
export function setCsrfToken(token: string): void {
  csrfToken = token
}

client.setConfig({ baseUrl: '', credentials: 'same-origin' })
client.interceptors.request.use((request) => {
  if (!['GET', 'HEAD'].includes(request.method)) request.headers.set('X-CSRFToken', csrfToken)
  return request
})
// Callers always get a Problem, also when the backend is unavailable or a proxy answers in its place.
client.interceptors.error.use((error, response) => problemOf(error, response))

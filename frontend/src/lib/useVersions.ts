/** The versions of a result, read again when there is another one or another one is current; not with each window. */
import { useQuery } from '@tanstack/react-query'
import { resultsVersionsList } from './api'

/** As many as a page shows; older ones are read by the command line. */
const MOST = 200

/** ``known`` is the result's current version; the versions are read again when it changes. */
export function useVersions(result: number, known: readonly unknown[], enabled = true) {
  const path = { id: String(result) }
  return useQuery({
    queryKey: ['versions', result, ...known],
    queryFn: async ({ signal }) =>
      (await resultsVersionsList({ path, query: { limit: MOST }, signal, throwOnError: true })).data.results,
    enabled,
  })
}

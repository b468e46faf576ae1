/** The versions of a result, read again when one is added or another becomes current, but not after each window. */
import { useQuery } from '@tanstack/react-query'
import { resultsVersionsList } from './api'

/** The most versions shown on a page; the command line lists older ones. */
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

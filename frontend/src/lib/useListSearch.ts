/** What the address says of a list, and how to change it: another filter is another list, which begins at its start. */
import { useNavigate, useSearch } from '@tanstack/react-router'
import type { ListSearch } from './listSearch'

/** The search of the list at the address ``from``, as its route reads it. */
export function useListSearch<Search extends ListSearch>(
  from: string,
): [search: Search, change: (next: Partial<Search>) => void] {
  // Every list has at least what this one has.
  const list = from as '/configurations'
  const search = useSearch({ from: list })
  const navigate = useNavigate({ from: list })
  const change = (next: Partial<Search>) =>
    void navigate({ search: (before) => ({ ...before, page: undefined, ...next }), replace: true })
  return [search as Search, change]
}

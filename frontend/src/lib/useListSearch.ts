/** The state of a list in its address, and a function to change it. A changed filter returns to the first page. */
import { useNavigate, useSearch } from '@tanstack/react-router'
import type { ListSearch } from './listSearch'

/** The search parameters of the list at ``from``, as its route reads them. */
export function useListSearch<Search extends ListSearch>(
  from: string,
): [search: Search, change: (next: Partial<Search>) => void] {
  // The type of one list stands for all, because every list has at least its parameters.
  const list = from as '/configurations'
  const search = useSearch({ from: list })
  const navigate = useNavigate({ from: list })
  const change = (next: Partial<Search>) =>
    void navigate({ search: (before) => ({ ...before, page: undefined, ...next }), replace: true })
  return [search as Search, change]
}

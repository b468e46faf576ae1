/** Views of the table of runs that a person gave a name: what its address says, kept in this browser for each user. */
import { useLocalStorage } from '@mantine/hooks'
import { useSession } from '~/lib/session'
import type { TrainingSearch } from './routes'

/** What of the address is a view: neither the page of the moment nor what is ticked. */
export const VIEW_KEYS = ['q', 'sort', 'state', 'framework', 'cols', 'where', 'tag', 'favourite'] as const

export type View = Pick<TrainingSearch, (typeof VIEW_KEYS)[number]>

export interface NamedView {
  name: string
  view: View
}

export const MOST_VIEWS = 30

/** The view that an address shows. */
export function viewOf(search: TrainingSearch): View {
  return Object.fromEntries(VIEW_KEYS.flatMap((key) => (search[key] === undefined ? [] : [[key, search[key]]])))
}

/** The address that shows a view; what the view leaves open gets its default. */
export function searchOf(view: View): Partial<TrainingSearch> {
  const cleared = Object.fromEntries(VIEW_KEYS.map((key) => [key, undefined]))
  return { ...cleared, ...view, page: undefined, sel: undefined }
}

export function isSame(a: View, b: View): boolean {
  return VIEW_KEYS.every((key) => a[key] === b[key])
}

/** The views with one more, by name; one of the same name is replaced. */
export function withView(views: readonly NamedView[], name: string, view: View): NamedView[] {
  return [...views.filter((namedView) => namedView.name !== name), { name, view }].sort((a, b) =>
    a.name.localeCompare(b.name),
  )
}

export function useViews(): [readonly NamedView[], (views: readonly NamedView[]) => void] {
  const { user } = useSession()
  const [views, setViews] = useLocalStorage<readonly NamedView[]>({ key: `kml-run-views-${user.id}`, defaultValue: [] })
  // Anything else that is stored under the key is ignored.
  const known = Array.isArray(views) ? views.filter((view) => typeof view?.name === 'string' && view.view) : []
  return [known, setViews]
}

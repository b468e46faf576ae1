/** Named views of the table of runs: the part of the address that they set, stored in this browser for each user. */
import { useLocalStorage } from '@mantine/hooks'
import { useSession } from '~/lib/session'
import type { TrainingSearch } from './routes'

/** The parts of the address that make a view. The page number and the selection are not among them. */
export const VIEW_KEYS = ['q', 'sort', 'state', 'framework', 'cols', 'where', 'tag', 'favourite'] as const

export type View = Pick<TrainingSearch, (typeof VIEW_KEYS)[number]>

export interface NamedView {
  name: string
  view: View
}

export const MOST_VIEWS = 30

/** The view in an address. */
export function viewOf(search: TrainingSearch): View {
  return Object.fromEntries(VIEW_KEYS.flatMap((key) => (search[key] === undefined ? [] : [[key, search[key]]])))
}

/** The address of a view. What the view leaves open gets its default. */
export function searchOf(view: View): Partial<TrainingSearch> {
  const cleared = Object.fromEntries(VIEW_KEYS.map((key) => [key, undefined]))
  return { ...cleared, ...view, page: undefined, sel: undefined }
}

export function isSame(a: View, b: View): boolean {
  return VIEW_KEYS.every((key) => a[key] === b[key])
}

/** The views with another one added, sorted by name. One of the same name is replaced. */
export function withView(views: readonly NamedView[], name: string, view: View): NamedView[] {
  return [...views.filter((namedView) => namedView.name !== name), { name, view }].sort((a, b) =>
    a.name.localeCompare(b.name),
  )
}

export function useViews(): [readonly NamedView[], (views: readonly NamedView[]) => void] {
  const { user } = useSession()
  const [views, setViews] = useLocalStorage<readonly NamedView[]>({ key: `kml-run-views-${user.id}`, defaultValue: [] })
  // Other values stored under the key are ignored.
  const known = Array.isArray(views) ? views.filter((view) => typeof view?.name === 'string' && view.view) : []
  return [known, setViews]
}

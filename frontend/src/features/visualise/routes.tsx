import { createRoute, lazyRouteComponent } from '@tanstack/react-router'
import { type ListSearch, listSearch, oneOf } from '~/lib/listSearch'
import { rootRoute } from '~/lib/rootRoute'

export const TABS = ['live', 'map', 'setup'] as const
/** The choices of shown history, in seconds. */
export const SPANS = [60, 300, 900] as const
const STATES = ['created', 'waiting', 'running', 'failing', 'finished', 'stopped', 'failed'] as const

export interface VisualiseSearch {
  tab?: (typeof TABS)[number] | undefined
  span?: (typeof SPANS)[number] | undefined
}

export interface VisualiseListSearch extends ListSearch {
  state?: (typeof STATES)[number] | undefined
}

export const visualiseRoutes = [
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/visualise',
    validateSearch: (search: Record<string, unknown>): VisualiseListSearch => ({
      ...listSearch(search),
      state: oneOf(search.state, STATES),
    }),
    component: lazyRouteComponent(() => import('./VisualiseListPage'), 'VisualiseListPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/visualise/$id',
    validateSearch: (search: Record<string, unknown>): VisualiseSearch => ({
      tab: oneOf(search.tab, TABS),
      span: SPANS.find((span) => span === Number(search.span)),
    }),
    component: lazyRouteComponent(() => import('./VisualisePage'), 'VisualisePage'),
  }),
] as const

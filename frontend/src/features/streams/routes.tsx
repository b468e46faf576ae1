import { createRoute, lazyRouteComponent } from '@tanstack/react-router'
import { idOf, type ListSearch, listSearch, textOf } from '~/lib/listSearch'
import { rootRoute } from '~/lib/rootRoute'

export interface StreamListSearch extends ListSearch {
  deployment?: number | undefined
}

export interface StreamSearch {
  tab?: string | undefined
  /** The offset within the ranges at which the preview begins. */
  at?: number | undefined
  /** Whether the dialog is open that announces the stream again. */
  send?: boolean | undefined
}

export const streamRoutes = [
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/streams',
    validateSearch: (search: Record<string, unknown>): StreamListSearch => ({
      ...listSearch(search),
      deployment: idOf(search.deployment),
    }),
    component: lazyRouteComponent(() => import('./StreamListPage'), 'StreamListPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/streams/$id',
    validateSearch: (search: Record<string, unknown>): StreamSearch => ({
      tab: textOf(search.tab),
      at: idOf(search.at),
      send: search.send === true || undefined,
    }),
    component: lazyRouteComponent(() => import('./StreamPage'), 'StreamPage'),
  }),
] as const

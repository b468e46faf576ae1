import { createRoute, lazyRouteComponent } from '@tanstack/react-router'
import { listSearch, textOf } from '~/lib/listSearch'
import { rootRoute } from '~/lib/rootRoute'

export const streamRoutes = [
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/streams',
    validateSearch: listSearch,
    component: lazyRouteComponent(() => import('./StreamListPage'), 'StreamListPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/streams/$id',
    validateSearch: (search: Record<string, unknown>): { tab?: string | undefined } => ({ tab: textOf(search.tab) }),
    component: lazyRouteComponent(() => import('./StreamPage'), 'StreamPage'),
  }),
] as const

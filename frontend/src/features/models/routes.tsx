import { createRoute, lazyRouteComponent } from '@tanstack/react-router'
import { listSearch, textOf } from '~/lib/listSearch'
import { rootRoute } from '~/lib/rootRoute'

export const modelRoutes = [
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/models',
    validateSearch: listSearch,
    component: lazyRouteComponent(() => import('./ModelListPage'), 'ModelListPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/models/new',
    component: lazyRouteComponent(() => import('./ModelNewPage'), 'ModelNewPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/models/$id',
    validateSearch: (search: Record<string, unknown>): { tab?: string | undefined } => ({ tab: textOf(search.tab) }),
    component: lazyRouteComponent(() => import('./ModelPage'), 'ModelPage'),
  }),
] as const

import { createRoute, lazyRouteComponent } from '@tanstack/react-router'
import { listSearch, textOf } from '~/lib/listSearch'
import { rootRoute } from '~/lib/rootRoute'

export const configurationRoutes = [
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/configurations',
    validateSearch: listSearch,
    component: lazyRouteComponent(() => import('./ConfigurationListPage'), 'ConfigurationListPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/configurations/new',
    component: lazyRouteComponent(() => import('./ConfigurationNewPage'), 'ConfigurationNewPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/configurations/$id',
    validateSearch: (search: Record<string, unknown>): { tab?: string | undefined } => ({ tab: textOf(search.tab) }),
    component: lazyRouteComponent(() => import('./ConfigurationPage'), 'ConfigurationPage'),
  }),
] as const

import { createRoute, lazyRouteComponent } from '@tanstack/react-router'
import { listSearch } from '~/lib/listSearch'
import { rootRoute } from '~/lib/rootRoute'

export const accountRoutes = [
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/account',
    component: lazyRouteComponent(() => import('./AccountPage'), 'AccountPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/users',
    validateSearch: listSearch,
    component: lazyRouteComponent(() => import('./UserListPage'), 'UserListPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/audit',
    validateSearch: listSearch,
    component: lazyRouteComponent(() => import('./AuditPage'), 'AuditPage'),
  }),
] as const

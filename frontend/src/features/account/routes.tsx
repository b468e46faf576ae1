import { createRoute, lazyRouteComponent } from '@tanstack/react-router'
import { type ListSearch, listSearch, oneOf, textOf } from '~/lib/listSearch'
import { rootRoute } from '~/lib/rootRoute'

export interface UserSearch extends ListSearch {
  role?: 'viewer' | 'editor' | 'admin' | undefined
}

export interface AuditSearch extends ListSearch {
  actor?: string | undefined
  action?: string | undefined
  type?: string | undefined
  result?: string | undefined
  /** Leaves out what programs did. */
  people?: boolean | undefined
}

export const accountRoutes = [
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/account',
    component: lazyRouteComponent(() => import('./AccountPage'), 'AccountPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/users',
    validateSearch: (search: Record<string, unknown>): UserSearch => ({
      ...listSearch(search),
      role: oneOf(search.role, ['viewer', 'editor', 'admin']),
    }),
    component: lazyRouteComponent(() => import('./UserListPage'), 'UserListPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/audit',
    validateSearch: (search: Record<string, unknown>): AuditSearch => ({
      ...listSearch(search),
      actor: textOf(search.actor),
      action: textOf(search.action),
      type: textOf(search.type),
      result: textOf(search.result),
      people: search.people === true || undefined,
    }),
    component: lazyRouteComponent(() => import('./AuditPage'), 'AuditPage'),
  }),
] as const

import { createRoute, lazyRouteComponent } from '@tanstack/react-router'
import { idOf, listSearch, textOf } from '~/lib/listSearch'
import { rootRoute } from '~/lib/rootRoute'

export const trainingRoutes = [
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/training',
    validateSearch: listSearch,
    component: lazyRouteComponent(() => import('./DeploymentListPage'), 'DeploymentListPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/training/new',
    validateSearch: (search: Record<string, unknown>): { configuration?: number | undefined } => ({
      configuration: idOf(search.configuration),
    }),
    component: lazyRouteComponent(() => import('./DeployPage'), 'DeployPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/training/compare',
    // Ids of results, joined by commas.
    validateSearch: (search: Record<string, unknown>): { results?: string | undefined } => ({
      results: textOf(search.results),
    }),
    component: lazyRouteComponent(() => import('./ComparePage'), 'ComparePage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/training/$id',
    validateSearch: (search: Record<string, unknown>): { tab?: string | undefined } => ({ tab: textOf(search.tab) }),
    component: lazyRouteComponent(() => import('./DeploymentPage'), 'DeploymentPage'),
  }),
] as const

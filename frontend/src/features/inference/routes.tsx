import { createRoute, lazyRouteComponent } from '@tanstack/react-router'
import { idOf, listSearch, textOf } from '~/lib/listSearch'
import { rootRoute } from '~/lib/rootRoute'

export const inferenceRoutes = [
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/inference',
    validateSearch: listSearch,
    component: lazyRouteComponent(() => import('./InferenceListPage'), 'InferenceListPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/inference/new',
    validateSearch: (search: Record<string, unknown>): { result?: number | undefined } => ({
      result: idOf(search.result),
    }),
    component: lazyRouteComponent(() => import('./InferenceNewPage'), 'InferenceNewPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/inference/$id',
    validateSearch: (search: Record<string, unknown>): { tab?: string | undefined } => ({ tab: textOf(search.tab) }),
    component: lazyRouteComponent(() => import('./InferencePage'), 'InferencePage'),
  }),
] as const

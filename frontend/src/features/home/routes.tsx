import { createRoute, lazyRouteComponent } from '@tanstack/react-router'
import { oneOf } from '~/lib/listSearch'
import { rootRoute } from '~/lib/rootRoute'

export const homeRoutes = [
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/',
    validateSearch: (search: Record<string, unknown>): { view?: 'table' | undefined } => ({
      view: oneOf(search.view, ['table']),
    }),
    component: lazyRouteComponent(() => import('./PipelinePage'), 'PipelinePage'),
  }),
] as const

import { createRoute, lazyRouteComponent } from '@tanstack/react-router'
import { listSearch } from '~/lib/listSearch'
import { rootRoute } from '~/lib/rootRoute'

export const visualiseRoutes = [
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/visualise',
    validateSearch: listSearch,
    component: lazyRouteComponent(() => import('./VisualiseListPage'), 'VisualiseListPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/visualise/$id',
    component: lazyRouteComponent(() => import('./VisualisePage'), 'VisualisePage'),
  }),
] as const

import { createRoute, lazyRouteComponent } from '@tanstack/react-router'
import { listSearch } from '~/lib/listSearch'
import { rootRoute } from '~/lib/rootRoute'

export const clusterRoutes = [
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/clusters',
    validateSearch: listSearch,
    component: lazyRouteComponent(() => import('./ClusterListPage'), 'ClusterListPage'),
  }),
] as const

import { createRoute, lazyRouteComponent } from '@tanstack/react-router'
import { rootRoute } from '~/lib/rootRoute'

export const systemRoutes = [
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/system',
    component: lazyRouteComponent(() => import('./SystemPage'), 'SystemPage'),
  }),
] as const

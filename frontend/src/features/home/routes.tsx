import { createRoute, lazyRouteComponent } from '@tanstack/react-router'
import { rootRoute } from '~/lib/rootRoute'

export const homeRoutes = [
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/',
    component: lazyRouteComponent(() => import('./PipelinePage'), 'PipelinePage'),
  }),
] as const

import { createRoute, lazyRouteComponent } from '@tanstack/react-router'
import { rootRoute } from '~/lib/rootRoute'

export const exampleRoutes = [
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/examples',
    component: lazyRouteComponent(() => import('./ExamplesPage'), 'ExamplesPage'),
  }),
] as const

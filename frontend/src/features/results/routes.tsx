import { createRoute, lazyRouteComponent } from '@tanstack/react-router'
import { textOf } from '~/lib/listSearch'
import { rootRoute } from '~/lib/rootRoute'

export const resultRoutes = [
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/results/$id',
    validateSearch: (search: Record<string, unknown>): { tab?: string | undefined } => ({ tab: textOf(search.tab) }),
    component: lazyRouteComponent(() => import('./ResultPage'), 'ResultPage'),
  }),
] as const

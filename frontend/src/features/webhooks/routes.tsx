import { createRoute, lazyRouteComponent } from '@tanstack/react-router'
import { listSearch } from '~/lib/listSearch'
import { rootRoute } from '~/lib/rootRoute'

export const webhookRoutes = [
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/webhooks',
    validateSearch: listSearch,
    component: lazyRouteComponent(() => import('./WebhookListPage'), 'WebhookListPage'),
  }),
] as const

import { createRoute, lazyRouteComponent } from '@tanstack/react-router'
import { listSearch, textOf } from '~/lib/listSearch'
import { rootRoute } from '~/lib/rootRoute'

export const topicRoutes = [
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/topics',
    validateSearch: listSearch,
    component: lazyRouteComponent(() => import('./TopicListPage'), 'TopicListPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/topics/$name',
    validateSearch: (search: Record<string, unknown>): { tab?: string | undefined } => ({ tab: textOf(search.tab) }),
    component: lazyRouteComponent(() => import('./TopicPage'), 'TopicPage'),
  }),
] as const

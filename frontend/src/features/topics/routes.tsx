import { createRoute, lazyRouteComponent } from '@tanstack/react-router'
import { type ListSearch, listSearch } from '~/lib/listSearch'
import { rootRoute } from '~/lib/rootRoute'
import { topicSearch } from './search'

export interface TopicListSearch extends ListSearch {
  internal?: boolean | undefined
}

export const topicRoutes = [
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/topics',
    validateSearch: (search: Record<string, unknown>): TopicListSearch => ({
      ...listSearch(search),
      internal: search.internal === true || undefined,
    }),
    component: lazyRouteComponent(() => import('./TopicListPage'), 'TopicListPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/topics/$name',
    validateSearch: topicSearch,
    component: lazyRouteComponent(() => import('./TopicPage'), 'TopicPage'),
  }),
] as const

import { createRoute, lazyRouteComponent } from '@tanstack/react-router'
import { idOf, listSearch, textOf } from '~/lib/listSearch'
import { rootRoute } from '~/lib/rootRoute'

export const configurationRoutes = [
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/configurations',
    validateSearch: listSearch,
    component: lazyRouteComponent(() => import('./ConfigurationListPage'), 'ConfigurationListPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/configurations/new',
    // Ids of models that are chosen to begin with.
    validateSearch: (search: Record<string, unknown>): { models?: number[] | undefined } => {
      const models = (Array.isArray(search.models) ? search.models : [search.models])
        .map(idOf)
        .filter((id) => id !== undefined)
      return { models: models.length > 0 ? models : undefined }
    },
    component: lazyRouteComponent(() => import('./ConfigurationNewPage'), 'ConfigurationNewPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/configurations/$id',
    validateSearch: (search: Record<string, unknown>): { tab?: string | undefined } => ({ tab: textOf(search.tab) }),
    component: lazyRouteComponent(() => import('./ConfigurationPage'), 'ConfigurationPage'),
  }),
] as const

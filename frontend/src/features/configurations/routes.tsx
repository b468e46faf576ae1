import { createRoute, lazyRouteComponent } from '@tanstack/react-router'
import { idOf, listSearch, textOf } from '~/lib/listSearch'
import { rootRoute } from '~/lib/rootRoute'

interface NewSearch {
  /** Ids of the models that are chosen at first. */
  models?: number[] | undefined
  /** The data set or stream to train on next, for users who came from there. */
  dataset?: number | undefined
  dataset_version?: number | undefined
  stream?: number | undefined
}

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
    validateSearch: (search: Record<string, unknown>): NewSearch => {
      const models = (Array.isArray(search.models) ? search.models : [search.models])
        .map(idOf)
        .filter((id) => id !== undefined)
      return {
        models: models.length > 0 ? models : undefined,
        dataset: idOf(search.dataset),
        dataset_version: idOf(search.dataset_version),
        stream: idOf(search.stream),
      }
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

import { createRoute, lazyRouteComponent } from '@tanstack/react-router'
import { idOf, type ListSearch, listSearch, oneOf, textOf } from '~/lib/listSearch'
import { rootRoute } from '~/lib/rootRoute'

/** Data sets that people made, and streams that sinks announced. */
export const KINDS = ['dataset', 'stream'] as const

export interface DatasetListSearch extends ListSearch {
  kind?: (typeof KINDS)[number] | undefined
}

export interface DatasetSearch {
  tab?: string | undefined
  /** The version that is shown; the newest without it. */
  version?: number | undefined
  /** Whether the form is open by which a deployment that waits trains on it. */
  train?: boolean | undefined
}

export interface BuilderSearch {
  /** The topic whose records are learnt. */
  topic?: string | undefined
  /** The data set, and which of its versions, that another version is made from. */
  from?: number | undefined
  version?: number | undefined
}

export const datasetRoutes = [
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/datasets',
    validateSearch: (search: Record<string, unknown>): DatasetListSearch => ({
      ...listSearch(search),
      kind: oneOf(search.kind, KINDS),
    }),
    component: lazyRouteComponent(() => import('./DatasetListPage'), 'DatasetListPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/datasets/new',
    validateSearch: (search: Record<string, unknown>): BuilderSearch => ({
      topic: textOf(search.topic),
      from: idOf(search.from),
      version: idOf(search.version),
    }),
    component: lazyRouteComponent(() => import('./DatasetNewPage'), 'DatasetNewPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/datasets/$id',
    validateSearch: (search: Record<string, unknown>): DatasetSearch => ({
      tab: textOf(search.tab),
      version: idOf(search.version),
      train: search.train === true || undefined,
    }),
    component: lazyRouteComponent(() => import('./DatasetPage'), 'DatasetPage'),
  }),
] as const

import { createRoute, lazyRouteComponent } from '@tanstack/react-router'
import { idOf, type ListSearch, listSearch, oneOf, textOf } from '~/lib/listSearch'
import { rootRoute } from '~/lib/rootRoute'

/** The kinds in the list: data sets made by users, and streams announced by sinks. */
export const KINDS = ['dataset', 'stream'] as const

export interface DatasetListSearch extends ListSearch {
  kind?: (typeof KINDS)[number] | undefined
}

export interface DatasetSearch {
  tab?: string | undefined
  /** The number of the version shown; the newest if missing. */
  version?: number | undefined
  /** Whether the dialog is open that sends the version to a waiting deployment. */
  train?: boolean | undefined
}

export interface BuilderSearch {
  /** The topic whose records are learnt. */
  topic?: string | undefined
  /** The data set and the number of the version from which a new version is made. */
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

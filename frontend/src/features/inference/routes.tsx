import { createRoute, lazyRouteComponent } from '@tanstack/react-router'
import { idOf, type ListSearch, listSearch, oneOf, textOf } from '~/lib/listSearch'
import { rootRoute } from '~/lib/rootRoute'

export const STATES = ['created', 'waiting', 'running', 'failing', 'stopped', 'failed'] as const

export interface InferenceListSearch extends ListSearch {
  state?: (typeof STATES)[number] | undefined
  result?: number | undefined
}

export const TABS = ['overview', 'try', 'compare', 'letters', 'logs', 'settings'] as const

export interface InferenceSearch {
  tab?: (typeof TABS)[number] | undefined
  /** The number of the replica whose log is shown. */
  replica?: number | undefined
  /** The cursor of a page of dead letters: those older than it are shown. */
  before?: string | undefined
}

export const inferenceRoutes = [
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/inference',
    validateSearch: (search: Record<string, unknown>): InferenceListSearch => ({
      ...listSearch(search),
      state: oneOf(search.state, STATES),
      result: idOf(search.result),
    }),
    component: lazyRouteComponent(() => import('./InferenceListPage'), 'InferenceListPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/inference/new',
    validateSearch: (
      search: Record<string, unknown>,
    ): { result?: number | undefined; version?: number | undefined } => ({
      result: idOf(search.result),
      // The number of the result's version; the current one if missing.
      version: idOf(search.version),
    }),
    component: lazyRouteComponent(() => import('./InferenceNewPage'), 'InferenceNewPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/inference/chain',
    validateSearch: (
      search: Record<string, unknown>,
    ): { result?: number | undefined; limits?: string | undefined } => ({
      // The id of the result of any sub-model of the chain.
      result: idOf(search.result),
      // Limits joined by commas, the lowest tier first. An empty one is as proposed.
      limits: typeof search.limits === 'number' ? String(search.limits) : textOf(search.limits),
    }),
    component: lazyRouteComponent(() => import('./ChainNewPage'), 'ChainNewPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/inference/$id',
    validateSearch: (search: Record<string, unknown>): InferenceSearch => ({
      tab: oneOf(search.tab, TABS),
      replica: idOf(search.replica),
      before: textOf(search.before),
    }),
    component: lazyRouteComponent(() => import('./InferencePage'), 'InferencePage'),
  }),
] as const

import { createRoute, lazyRouteComponent } from '@tanstack/react-router'
import type { FrameworkEnum } from '~/lib/api'
import { idOf, type ListSearch, listSearch, oneOf, textOf } from '~/lib/listSearch'
import { rootRoute } from '~/lib/rootRoute'

export const STATES = ['created', 'waiting', 'running', 'finished', 'stopped', 'failed'] as const

export interface TrainingSearch extends ListSearch {
  /** The open tab; deployments if missing. */
  tab?: 'runs' | undefined
  state?: (typeof STATES)[number] | undefined
  /** Filters deployments by configuration. */
  configuration?: number | undefined
  /** Filters deployments by mode. */
  mode?: string | undefined
  /** Filters runs by framework. */
  framework?: FrameworkEnum | undefined
  /** The columns of the table of runs (scores, metrics and parameters) and the conditions on them, joined by commas. */
  cols?: string | undefined
  where?: string | undefined
  tag?: string | undefined
  favourite?: true | undefined
  /** Ids of the selected runs, joined by commas. */
  sel?: string | undefined
}

export interface DeploySearch {
  configuration?: number | undefined
  /** The id of the deployment from which the form takes its first values. */
  from?: number | undefined
  /** The data set chosen at first, and the number of its version; the newest if missing. */
  dataset?: number | undefined
  dataset_version?: number | undefined
  /** The stream to send to the deployment once it is made. */
  stream?: number | undefined
}

export const trainingRoutes = [
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/training',
    validateSearch: (search: Record<string, unknown>): TrainingSearch => ({
      ...listSearch(search),
      tab: oneOf(search.tab, ['runs'] as const),
      state: oneOf(search.state, STATES),
      configuration: idOf(search.configuration),
      mode: textOf(search.mode),
      // Any name is passed on, because the platform refuses unknown ones.
      framework: textOf(search.framework) as FrameworkEnum | undefined,
      cols: typeof search.cols === 'string' ? search.cols : undefined,
      where: textOf(search.where),
      tag: textOf(search.tag),
      favourite: search.favourite === true ? true : undefined,
      sel: textOf(search.sel),
    }),
    component: lazyRouteComponent(() => import('./TrainingPage'), 'TrainingPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/training/new',
    validateSearch: (search: Record<string, unknown>): DeploySearch => ({
      configuration: idOf(search.configuration),
      from: idOf(search.from),
      dataset: idOf(search.dataset),
      dataset_version: idOf(search.dataset_version),
      stream: idOf(search.stream),
    }),
    component: lazyRouteComponent(() => import('./DeployPage'), 'DeployPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/training/compare',
    // Ids of the results to compare, joined by commas.
    validateSearch: (
      search: Record<string, unknown>,
    ): { results?: string | undefined; all?: boolean | undefined; code?: string | undefined } => ({
      results: textOf(search.results),
      all: search.all === true ? true : undefined,
      code: textOf(search.code),
    }),
    component: lazyRouteComponent(() => import('./ComparePage'), 'ComparePage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/training/$id',
    validateSearch: (search: Record<string, unknown>): { tab?: string | undefined } => ({ tab: textOf(search.tab) }),
    component: lazyRouteComponent(() => import('./DeploymentPage'), 'DeploymentPage'),
  }),
] as const

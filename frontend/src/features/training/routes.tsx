import { createRoute, lazyRouteComponent } from '@tanstack/react-router'
import type { FrameworkEnum } from '~/lib/api'
import { idOf, type ListSearch, listSearch, oneOf, textOf } from '~/lib/listSearch'
import { rootRoute } from '~/lib/rootRoute'

export const STATES = ['created', 'waiting', 'running', 'finished', 'stopped', 'failed'] as const

export interface TrainingSearch extends ListSearch {
  /** Deployments without it. */
  tab?: 'runs' | undefined
  state?: (typeof STATES)[number] | undefined
  /** Of deployments. */
  configuration?: number | undefined
  /** Of deployments. */
  mode?: string | undefined
  /** Of runs. */
  framework?: FrameworkEnum | undefined
  /** For the table of runs: columns of scores, metrics and parameters, and conditions on them, joined by commas. */
  cols?: string | undefined
  where?: string | undefined
  tag?: string | undefined
  favourite?: true | undefined
  /** Ids of the chosen runs, joined by commas. */
  sel?: string | undefined
}

export interface DeploySearch {
  configuration?: number | undefined
  /** The deployment whose settings the form begins with. */
  from?: number | undefined
  /** The data set that is chosen at the beginning, and which of its versions; the newest without one. */
  dataset?: number | undefined
  dataset_version?: number | undefined
  /** The stream that is sent to it once it is made. */
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
      // A name that there is not is the platform's to refuse.
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
    // Ids of results, joined by commas.
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

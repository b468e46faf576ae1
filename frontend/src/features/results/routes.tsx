import { createRoute, lazyRouteComponent } from '@tanstack/react-router'
import { idOf, oneOf, textOf } from '~/lib/listSearch'
import { rootRoute } from '~/lib/rootRoute'

export const TABS = [
  'overview',
  'confusion',
  'evaluation',
  'columns',
  'limits',
  'versions',
  'logs',
  'lineage',
  'files',
] as const

export interface ResultSearch {
  tab?: (typeof TABS)[number] | undefined
  /** The open cell of the confusion matrix: 'actual-predicted', with classes counted from 0. */
  cell?: string | undefined
  /** What the matrix shows; counts if missing. */
  cells?: 'shares' | undefined
  /** The epoch whose metrics are shown besides the last and the best. */
  epoch?: number | undefined
  /** The numbers of the two versions to compare, joined by a comma. */
  versions?: string | undefined
  /** Whether the log shows only errors. */
  errors?: true | undefined
}

export const resultRoutes = [
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/results/$id',
    validateSearch: (search: Record<string, unknown>): ResultSearch => ({
      tab: oneOf(search.tab, TABS),
      cell: textOf(search.cell),
      cells: oneOf(search.cells, ['shares'] as const),
      epoch: idOf(search.epoch),
      versions: textOf(search.versions),
      errors: search.errors === true ? true : undefined,
    }),
    component: lazyRouteComponent(() => import('./ResultPage'), 'ResultPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/results/$id/versions/$number',
    component: lazyRouteComponent(() => import('./ModelCardPage'), 'ModelCardPage'),
  }),
] as const

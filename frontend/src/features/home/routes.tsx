import { createRoute, lazyRouteComponent } from '@tanstack/react-router'
import { oneOf, textOf } from '~/lib/listSearch'
import { rootRoute } from '~/lib/rootRoute'
import { HOURS, ONLY } from './folding'

export interface PictureSearch {
  view?: 'table' | undefined
  /** Text to find in names. */
  find?: string | undefined
  only?: (typeof ONLY)[number] | undefined
  /** How far back: shows what waits, runs, or ended since then. */
  hours?: (typeof HOURS)[number] | undefined
  /** Whether folded boxes are shown too. */
  rest?: true | undefined
}

export const homeRoutes = [
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/',
    validateSearch: (search: Record<string, unknown>): PictureSearch => ({
      view: oneOf(search.view, ['table']),
      find: textOf(search.find),
      only: oneOf(search.only, ONLY),
      hours: HOURS.find((hours) => hours === search.hours),
      rest: search.rest === true ? true : undefined,
    }),
    component: lazyRouteComponent(() => import('./PipelinePage'), 'PipelinePage'),
  }),
] as const

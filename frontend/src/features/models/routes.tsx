import { createRoute, lazyRouteComponent } from '@tanstack/react-router'
import type { FrameworkEnum } from '~/lib/api'
import { idOf, type ListSearch, listSearch, oneOf, textOf } from '~/lib/listSearch'
import { rootRoute } from '~/lib/rootRoute'

export interface ModelListSearch extends ListSearch {
  framework?: FrameworkEnum | undefined
  /** Whether to list sub-models of distributed models only, or whole models only. */
  kind?: 'distributed' | 'whole' | undefined
  /** Ids of selected rows. */
  sel?: number[] | undefined
}

export const modelRoutes = [
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/models',
    validateSearch: (search: Record<string, unknown>): ModelListSearch => {
      const sel = (Array.isArray(search.sel) ? search.sel : []).map(idOf).filter((id) => id !== undefined)
      return {
        ...listSearch(search),
        // Any name is passed on, because the platform refuses unknown ones.
        framework: textOf(search.framework) as FrameworkEnum | undefined,
        kind: oneOf(search.kind, ['distributed', 'whole']),
        sel: sel.length > 0 ? sel : undefined,
      }
    },
    component: lazyRouteComponent(() => import('./ModelListPage'), 'ModelListPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/models/new',
    // The new model starts from a template or as a copy of another model.
    validateSearch: (
      search: Record<string, unknown>,
    ): { template?: string | undefined; copy?: number | undefined } => ({
      template: textOf(search.template),
      copy: idOf(search.copy),
    }),
    component: lazyRouteComponent(() => import('./ModelNewPage'), 'ModelNewPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/models/$id',
    validateSearch: (search: Record<string, unknown>): { tab?: string | undefined } => ({ tab: textOf(search.tab) }),
    component: lazyRouteComponent(() => import('./ModelPage'), 'ModelPage'),
  }),
] as const

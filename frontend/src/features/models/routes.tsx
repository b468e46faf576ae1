import { createRoute, lazyRouteComponent } from '@tanstack/react-router'
import type { FrameworkEnum } from '~/lib/api'
import { idOf, type ListSearch, listSearch, oneOf, textOf } from '~/lib/listSearch'
import { rootRoute } from '~/lib/rootRoute'

export interface ModelListSearch extends ListSearch {
  framework?: FrameworkEnum | undefined
  /** Parts of distributed models, or whole models. */
  kind?: 'distributed' | 'whole' | undefined
  /** Ids of chosen rows. */
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
        // A name that there is not is the platform's to refuse.
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
    // A template to begin with, or a model to copy.
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

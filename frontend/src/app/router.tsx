/** All addresses of the product. Features declare their own; here they come together. */
import { createRouter } from '@tanstack/react-router'
import { ProblemAlert } from '~/components/ProblemAlert'
import { accountRoutes } from '~/features/account/routes'
import { clusterRoutes } from '~/features/clusters/routes'
import { configurationRoutes } from '~/features/configurations/routes'
import { datasetRoutes } from '~/features/datasets/routes'
import { exampleRoutes } from '~/features/examples/routes'
import { homeRoutes } from '~/features/home/routes'
import { inferenceRoutes } from '~/features/inference/routes'
import { modelRoutes } from '~/features/models/routes'
import { resultRoutes } from '~/features/results/routes'
import { streamRoutes } from '~/features/streams/routes'
import { systemRoutes } from '~/features/system/routes'
import { topicRoutes } from '~/features/topics/routes'
import { trainingRoutes } from '~/features/training/routes'
import { visualiseRoutes } from '~/features/visualise/routes'
import { webhookRoutes } from '~/features/webhooks/routes'
import { rootRoute } from '~/lib/rootRoute'
import { NotFoundPage } from './NotFoundPage'
import { PagePending } from './PagePending'
import { type LazyPage, surviving } from './survivingPage'

const routeTree = rootRoute.addChildren([
  ...homeRoutes,
  ...modelRoutes,
  ...configurationRoutes,
  ...trainingRoutes,
  ...resultRoutes,
  ...inferenceRoutes,
  ...streamRoutes,
  ...datasetRoutes,
  ...topicRoutes,
  ...visualiseRoutes,
  ...systemRoutes,
  ...exampleRoutes,
  ...clusterRoutes,
  ...webhookRoutes,
  ...accountRoutes,
])

export const router = createRouter({
  routeTree,
  defaultPreload: 'intent',
  defaultPreloadStaleTime: 0,
  scrollRestoration: true,
  defaultNotFoundComponent: NotFoundPage,
  defaultPendingComponent: PagePending,
  defaultErrorComponent: ({ error, reset }) => (
    <ProblemAlert error={error} title="This page has failed" onRetry={reset} />
  ),
})

for (const route of Object.values(router.routesById)) {
  const page = route.options.component as LazyPage | undefined
  if (page?.preload) route.update({ component: surviving(page) as never })
}

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router
  }
}

import { PageTitle } from '~/components/ListPage'

export function DeploymentPage() {
  return <PageTitle title="DeploymentPage" />
}

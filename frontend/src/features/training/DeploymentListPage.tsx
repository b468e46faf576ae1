import { PageTitle } from '~/components/ListPage'

export function DeploymentListPage() {
  return <PageTitle title="DeploymentListPage" />
}

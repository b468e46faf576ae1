import { PageTitle } from '~/components/ListPage'

export function DeployPage() {
  return <PageTitle title="DeployPage" />
}

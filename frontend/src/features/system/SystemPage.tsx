import { PageTitle } from '~/components/ListPage'

export function SystemPage() {
  return <PageTitle title="SystemPage" />
}

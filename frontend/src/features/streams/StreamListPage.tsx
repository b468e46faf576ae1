import { PageTitle } from '~/components/ListPage'

export function StreamListPage() {
  return <PageTitle title="StreamListPage" />
}

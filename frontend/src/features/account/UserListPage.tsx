import { PageTitle } from '~/components/ListPage'

export function UserListPage() {
  return <PageTitle title="UserListPage" />
}

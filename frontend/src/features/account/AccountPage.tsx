import { PageTitle } from '~/components/ListPage'

export function AccountPage() {
  return <PageTitle title="AccountPage" />
}

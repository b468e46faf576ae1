import { PageTitle } from '~/components/ListPage'

export function ConfigurationListPage() {
  return <PageTitle title="ConfigurationListPage" />
}

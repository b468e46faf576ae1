import { PageTitle } from '~/components/ListPage'

export function ConfigurationNewPage() {
  return <PageTitle title="ConfigurationNewPage" />
}

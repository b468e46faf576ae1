import { PageTitle } from '~/components/ListPage'

export function ConfigurationPage() {
  return <PageTitle title="ConfigurationPage" />
}

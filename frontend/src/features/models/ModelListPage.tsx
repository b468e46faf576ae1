import { PageTitle } from '~/components/ListPage'

export function ModelListPage() {
  return <PageTitle title="ModelListPage" />
}

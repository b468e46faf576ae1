import { PageTitle } from '~/components/ListPage'

export function ModelPage() {
  return <PageTitle title="ModelPage" />
}

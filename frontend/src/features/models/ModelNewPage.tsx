import { PageTitle } from '~/components/ListPage'

export function ModelNewPage() {
  return <PageTitle title="ModelNewPage" />
}

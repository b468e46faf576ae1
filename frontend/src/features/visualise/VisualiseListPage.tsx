import { PageTitle } from '~/components/ListPage'

export function VisualiseListPage() {
  return <PageTitle title="VisualiseListPage" />
}

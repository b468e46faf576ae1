import { PageTitle } from '~/components/ListPage'

export function StreamPage() {
  return <PageTitle title="StreamPage" />
}

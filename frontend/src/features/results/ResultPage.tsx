import { PageTitle } from '~/components/ListPage'

export function ResultPage() {
  return <PageTitle title="ResultPage" />
}

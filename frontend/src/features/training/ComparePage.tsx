import { PageTitle } from '~/components/ListPage'

export function ComparePage() {
  return <PageTitle title="ComparePage" />
}

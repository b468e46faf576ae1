import { PageTitle } from '~/components/ListPage'

export function TopicListPage() {
  return <PageTitle title="TopicListPage" />
}

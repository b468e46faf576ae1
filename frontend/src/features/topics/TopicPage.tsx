import { PageTitle } from '~/components/ListPage'

export function TopicPage() {
  return <PageTitle title="TopicPage" />
}

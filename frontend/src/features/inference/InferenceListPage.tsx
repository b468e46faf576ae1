import { PageTitle } from '~/components/ListPage'

export function InferenceListPage() {
  return <PageTitle title="InferenceListPage" />
}

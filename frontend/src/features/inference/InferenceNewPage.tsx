import { PageTitle } from '~/components/ListPage'

export function InferenceNewPage() {
  return <PageTitle title="InferenceNewPage" />
}

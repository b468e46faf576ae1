import { PageTitle } from '~/components/ListPage'

export function PipelinePage() {
  return <PageTitle title="PipelinePage" />
}

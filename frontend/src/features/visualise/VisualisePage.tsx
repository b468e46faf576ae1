import { PageTitle } from '~/components/ListPage'

export function VisualisePage() {
  return <PageTitle title="VisualisePage" />
}

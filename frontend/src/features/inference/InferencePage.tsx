import { PageTitle } from '~/components/ListPage'

export function InferencePage() {
  return <PageTitle title="InferencePage" />
}

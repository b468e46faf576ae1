import { PageTitle } from '~/components/ListPage'

export function AuditPage() {
  return <PageTitle title="AuditPage" />
}

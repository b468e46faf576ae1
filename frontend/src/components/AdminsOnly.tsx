/** In place of a page that a role does not open. */
import { EmptyState } from './EmptyState'
import { PageTitle } from './PageTitle'

export function AdminsOnly({ title }: { title: string }) {
  return (
    <>
      <PageTitle title={title} />
      <EmptyState title="Admins only">Ask an admin of this platform for access.</EmptyState>
    </>
  )
}

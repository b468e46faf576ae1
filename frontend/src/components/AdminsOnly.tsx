/** Shown in place of a page that only admins may open. */
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

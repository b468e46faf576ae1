/** The page for addresses that do not exist. */
import { ButtonLink } from '~/components/ButtonLink'
import { EmptyState } from '~/components/EmptyState'

export function NotFoundPage() {
  return (
    <EmptyState order={1} title="Page not found" action={<ButtonLink to="/">Go to the pipeline</ButtonLink>}>
      The address may be incomplete, or from another version.
    </EmptyState>
  )
}

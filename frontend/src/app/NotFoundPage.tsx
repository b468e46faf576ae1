/** For addresses that lead nowhere. */
import { ButtonLink } from '~/components/ButtonLink'
import { EmptyState } from '~/components/EmptyState'

export function NotFoundPage() {
  return (
    <EmptyState title="There is no such page" action={<ButtonLink to="/">Go to the pipeline</ButtonLink>}>
      The address may be from another version, or be cut off.
    </EmptyState>
  )
}

/** What of a user's form differs from what is stored: only that is sent, and only that is in the audit trail. */
import type { RoleEnum, User } from '~/lib/api'

export function changesOf(
  user: Pick<User, 'role' | 'is_active'>,
  values: { role: RoleEnum; is_active: boolean; password: string },
): { role?: RoleEnum; is_active?: boolean; password?: string } {
  return {
    ...(values.role === user.role ? {} : { role: values.role }),
    ...(values.is_active === user.is_active ? {} : { is_active: values.is_active }),
    // An empty password would take theirs away, which nobody means by leaving a field empty.
    ...(values.password === '' ? {} : { password: values.password }),
  }
}

/** The differences between the form and the stored user. Only they are sent, so only they appear in the audit trail. */
import type { RoleEnum, User } from '~/lib/api'

export function changesOf(
  user: Pick<User, 'role' | 'is_active'>,
  values: { role: RoleEnum; is_active: boolean; password: string },
): { role?: RoleEnum; is_active?: boolean; password?: string } {
  return {
    ...(values.role === user.role ? {} : { role: values.role }),
    ...(values.is_active === user.is_active ? {} : { is_active: values.is_active }),
    // An empty password field leaves the password unchanged, because sending it would remove the password.
    ...(values.password === '' ? {} : { password: values.password }),
  }
}

/** Adds a user or changes one: role, whether the user may sign in, a new password. */
import { PasswordInput, Select, Switch } from '@mantine/core'
import { isNotEmpty, useForm } from '@mantine/form'
import { SmallPrint } from '~/components/Dimmed'
import { FormDialog } from '~/components/FormDialog'
import { LimitedInput } from '~/components/LimitedInput'
import { type RoleEnum, type User, usersCreate, usersPartialUpdate } from '~/lib/api'
import { changesOf } from './changes'

const ROLES = [
  { value: 'viewer', label: 'viewer: sees everything' },
  { value: 'editor', label: 'editor: creates, trains and serves' },
  { value: 'admin', label: 'admin: also manages users' },
]

export function UserDialog({ user, onClose, onDone }: { user: User | null; onClose: () => void; onDone: () => void }) {
  const form = useForm({
    initialValues: {
      username: user?.username ?? '',
      role: (user?.role ?? 'viewer') as RoleEnum,
      is_active: user?.is_active ?? true,
      password: '',
    },
    validate: { username: isNotEmpty('Enter a name') },
  })
  const save = async (values: typeof form.values) => {
    if (user === null) {
      const { username, role, password } = values
      await usersCreate({ body: { username, role, password }, throwOnError: true })
      return `${username} added`
    }
    await usersPartialUpdate({ path: { id: String(user.id) }, body: changesOf(user, values), throwOnError: true })
    return `${user.username} changed`
  }
  return (
    <FormDialog
      title={user === null ? 'Add a user' : `Change ${user.username}`}
      submit={user === null ? 'Add' : 'Save'}
      form={form}
      onSave={save}
      onClose={onClose}
      onDone={onDone}
      note={user?.role === 'admin' && <SmallPrint>The last active admin must stay an admin.</SmallPrint>}
    >
      {user === null && (
        <LimitedInput
          label="Name"
          description="Letters, digits and @ . + - _"
          withAsterisk
          limit={150}
          data-autofocus
          {...form.getInputProps('username')}
        />
      )}
      <Select label="Role" data={ROLES} {...form.getInputProps('role')} />
      {user !== null && (
        <Switch
          label="Can sign in"
          description="Turning this off ends their sessions and tokens. Nothing they created is deleted"
          {...form.getInputProps('is_active', { type: 'checkbox' })}
        />
      )}
      <PasswordInput
        label={user === null ? 'Password' : 'New password'}
        description={
          user === null
            ? 'Leave empty to allow sign-in by link only (kafka-ml login --user NAME)'
            : 'Leave empty to keep it. A new one ends their sessions and tokens'
        }
        autoComplete="new-password"
        {...form.getInputProps('password')}
      />
    </FormDialog>
  )
}

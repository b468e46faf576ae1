/** Adding a user, or changing one: role, whether they may sign in, a new password. */
import { PasswordInput, Select, Switch, TextInput } from '@mantine/core'
import { isNotEmpty, useForm } from '@mantine/form'
import { SmallPrint } from '~/components/Dimmed'
import { FormDialog } from '~/components/FormDialog'
import { type RoleEnum, type User, usersCreate, usersPartialUpdate } from '~/lib/api'
import { changesOf } from './changes'

const ROLES = [
  { value: 'viewer', label: 'viewer: sees everything' },
  { value: 'editor', label: 'editor: makes and trains' },
  { value: 'admin', label: 'admin: manages people too' },
]

export function UserDialog({ user, onClose, onDone }: { user: User | null; onClose: () => void; onDone: () => void }) {
  const form = useForm({
    initialValues: {
      username: user?.username ?? '',
      role: (user?.role ?? 'viewer') as RoleEnum,
      is_active: user?.is_active ?? true,
      password: '',
    },
    validate: { username: isNotEmpty('The name is missing: type how they are called') },
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
      note={user?.role === 'admin' && <SmallPrint>The last active admin cannot be changed away.</SmallPrint>}
    >
      {user === null && (
        <TextInput
          label="Name"
          description="Letters, digits and @ . + - _"
          withAsterisk
          maxLength={150}
          data-autofocus
          {...form.getInputProps('username')}
        />
      )}
      <Select label="Role" data={ROLES} {...form.getInputProps('role')} />
      {user !== null && (
        <Switch
          label="May sign in"
          description="Deactivating ends sessions and tokens; nothing they made is lost"
          {...form.getInputProps('is_active', { type: 'checkbox' })}
        />
      )}
      <PasswordInput
        label={user === null ? 'Password' : 'New password'}
        description={
          user === null
            ? 'Empty: they sign in by links only (kafka-ml login --user NAME)'
            : 'Empty: as it is. A new one ends their sessions and tokens'
        }
        autoComplete="new-password"
        {...form.getInputProps('password')}
      />
    </FormDialog>
  )
}

/** Adding a user, or changing one: role, whether they may sign in, a new password. */
import { Button, Group, Modal, PasswordInput, Select, Stack, Switch, Text, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { useState } from 'react'
import { ProblemAlert } from '~/components/ProblemAlert'
import { type RoleEnum, type User, usersCreate, usersPartialUpdate } from '~/lib/api'
import { notifyDone } from '~/lib/notify'
import { problemOf } from '~/lib/problem'
import { changesOf } from './changes'

const ROLES = [
  { value: 'viewer', label: 'viewer: sees everything' },
  { value: 'editor', label: 'editor: makes and trains' },
  { value: 'admin', label: 'admin: manages people too' },
]

export function UserDialog({ user, onClose, onDone }: { user: User | null; onClose: () => void; onDone: () => void }) {
  const [error, setError] = useState<unknown>(null)
  const [busy, setBusy] = useState(false)
  const form = useForm({
    initialValues: {
      username: user?.username ?? '',
      role: (user?.role ?? 'viewer') as RoleEnum,
      is_active: user?.is_active ?? true,
      password: '',
    },
  })
  const save = async (values: typeof form.values) => {
    setBusy(true)
    setError(null)
    try {
      if (user === null) {
        const { username, role, password } = values
        await usersCreate({ body: { username, role, password }, throwOnError: true })
        notifyDone(`${username} added`)
      } else {
        await usersPartialUpdate({ path: { id: String(user.id) }, body: changesOf(user, values), throwOnError: true })
        notifyDone(`${user.username} changed`)
      }
      onDone()
      onClose()
    } catch (caught) {
      form.setErrors(problemOf(caught).byField())
      setError(caught)
    } finally {
      setBusy(false)
    }
  }
  return (
    <Modal
      opened
      onClose={onClose}
      centered
      title={user === null ? 'Add a user' : `Change ${user.username}`}
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      <form onSubmit={form.onSubmit((values) => void save(values))}>
        <Stack>
          {user === null && (
            <TextInput
              label="Name"
              description="Letters, digits and @ . + - _"
              required
              maxLength={150}
              autoComplete="off"
              data-autofocus
              {...form.getInputProps('username')}
            />
          )}
          <Select label="Role" data={ROLES} allowDeselect={false} {...form.getInputProps('role')} />
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
          <ProblemAlert error={error} />
          {user?.role === 'admin' && (
            <Text size="xs" c="dimmed">
              The last active admin cannot be changed away.
            </Text>
          )}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={busy}>
              {user === null ? 'Add' : 'Save'}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  )
}

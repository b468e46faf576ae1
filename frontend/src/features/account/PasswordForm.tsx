/** Changes the user's own password. No draft of it is kept. */
import { Button, PasswordInput, Stack } from '@mantine/core'
import { useForm } from '@mantine/form'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Dimmed } from '~/components/Dimmed'
import { ProblemAlert } from '~/components/ProblemAlert'
import { sessionPasswordCreateMutation, setCsrfToken } from '~/lib/api'
import { notifyDone } from '~/lib/notify'
import { problemOf } from '~/lib/problem'
import { SESSION_KEY, useSession } from '~/lib/session'

export function PasswordForm() {
  const { user } = useSession()
  const queryClient = useQueryClient()
  const form = useForm({
    initialValues: { present: '', password: '', again: '' },
    validateInputOnBlur: true,
    validate: {
      again: (again, values) => (again === values.password ? null : 'the passwords do not match'),
    },
  })
  const change = useMutation({
    ...sessionPasswordCreateMutation(),
    onSuccess: (session) => {
      setCsrfToken(session.csrf_token)
      queryClient.setQueryData(SESSION_KEY, session)
      form.reset()
      notifyDone('Password changed. Your other sessions and tokens have ended')
      void queryClient.invalidateQueries()
    },
    onError: (error) => form.setErrors(problemOf(error).byField()),
  })
  return (
    <form onSubmit={form.onSubmit(({ present, password }) => change.mutate({ body: { present, password } }))}>
      <Stack gap="sm" maw={360}>
        <Dimmed>
          {user.has_password
            ? 'Changing it ends your other sessions and revokes your access tokens.'
            : 'You have no password: you sign in with links. With one, you can also sign in from other machines.'}
        </Dimmed>
        <input type="hidden" name="username" autoComplete="username" value={user.username} readOnly />
        {user.has_password && (
          <PasswordInput
            size="xs"
            label="Current password"
            autoComplete="current-password"
            required
            {...form.getInputProps('present')}
          />
        )}
        <PasswordInput
          size="xs"
          label="New password"
          autoComplete="new-password"
          required
          {...form.getInputProps('password')}
        />
        <PasswordInput
          size="xs"
          label="Repeat new password"
          autoComplete="new-password"
          required
          {...form.getInputProps('again')}
        />
        <ProblemAlert error={change.error} />
        <Button size="xs" type="submit" loading={change.isPending} style={{ alignSelf: 'flex-start' }}>
          {user.has_password ? 'Change password' : 'Set password'}
        </Button>
      </Stack>
    </form>
  )
}

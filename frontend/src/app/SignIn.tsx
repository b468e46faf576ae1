/** For whoever is not signed in: by name and password here, or by the link that the command line prints. */
import { Alert, Button, Code, Paper, PasswordInput, Stack, Text, TextInput, Title } from '@mantine/core'
import { useForm } from '@mantine/form'
import { useMutation } from '@tanstack/react-query'
import { ProblemAlert } from '~/components/ProblemAlert'
import { loginCreateMutation, type Session } from '~/lib/api'

export function SignIn({ onSignedIn }: { onSignedIn: (session: Session) => void }) {
  const form = useForm({ initialValues: { username: '', password: '' } })
  const login = useMutation({ ...loginCreateMutation(), onSuccess: onSignedIn })
  const staleLink = new URLSearchParams(window.location.search).get('link') === 'used'
  return (
    <main style={{ display: 'grid', placeItems: 'center', minHeight: '100vh', padding: 16 }}>
      <Paper withBorder p="xl" w="min(400px, 100%)">
        <form onSubmit={form.onSubmit((body) => login.mutate({ body }))}>
          <Stack>
            <Title order={1}>Kafka-ML</Title>
            {staleLink && (
              <Alert variant="outline" color="yellow" title="That link was used already or has expired">
                A sign-in link works once, for 15 minutes.
              </Alert>
            )}
            <TextInput label="Name" autoComplete="username" required autoFocus {...form.getInputProps('username')} />
            <PasswordInput
              label="Password"
              autoComplete="current-password"
              required
              {...form.getInputProps('password')}
            />
            <ProblemAlert error={login.error} />
            <Button type="submit" loading={login.isPending}>
              Sign in
            </Button>
            <Text size="sm" c="dimmed">
              On your own machine no password is needed: <Code>kafka-ml login</Code> prints a link that signs you in.
            </Text>
          </Stack>
        </form>
      </Paper>
    </main>
  )
}

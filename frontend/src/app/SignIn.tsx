/**
 * The sign-in form: with name and password here, or by the link that the command line prints. Where a session ended in
 * the middle of work, the form lies over the page, which stays as it was.
 */
import { Alert, Button, Code, Group, Modal, Paper, PasswordInput, Stack, Text, TextInput, Title } from '@mantine/core'
import { useForm } from '@mantine/form'
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { CopyButton } from '~/components/CopyButton'
import { Dimmed } from '~/components/Dimmed'
import { Logo } from '~/components/Logo'
import { ProblemAlert } from '~/components/ProblemAlert'
import { loginCreateMutation, type Session } from '~/lib/api'

export function SignIn({ onSignedIn, over }: { onSignedIn: (session: Session) => void; over: string | null }) {
  if (over !== null) {
    return (
      <Modal
        opened
        onClose={() => undefined}
        withCloseButton={false}
        closeOnEscape={false}
        closeOnClickOutside={false}
        title="Your session has ended"
        centered
      >
        <Text size="sm" mb="md">
          The page and your input are still here. Sign in again to continue.
        </Text>
        <SignInForm onSignedIn={onSignedIn} name={over} />
      </Modal>
    )
  }
  return (
    <main style={{ display: 'grid', placeItems: 'center', minHeight: '100dvh', padding: 16 }}>
      <Paper withBorder p="xl" w="min(400px, 100%)">
        <Stack gap="md">
          <Group wrap="nowrap">
            <Logo size={48} />
            <div>
              <Title order={1}>Kafka-ML</Title>
              <Dimmed>Train, serve and watch models on Apache Kafka streams</Dimmed>
            </div>
          </Group>
          <SignInForm onSignedIn={onSignedIn} name="" />
        </Stack>
      </Paper>
    </main>
  )
}

function SignInForm({ onSignedIn, name }: { onSignedIn: (session: Session) => void; name: string }) {
  const form = useForm({ initialValues: { username: name, password: '' } })
  const [staleLink] = useState(() => new URLSearchParams(window.location.search).get('link') === 'used')
  const login = useMutation({
    ...loginCreateMutation(),
    onSuccess: (session) => {
      if (staleLink) window.history.replaceState(null, '', window.location.pathname)
      onSignedIn(session)
    },
  })
  return (
    <form onSubmit={form.onSubmit((body) => login.mutate({ body }))}>
      <Stack>
        {staleLink && (
          <Alert color="yellow" title="This link has expired or has already been used">
            A sign-in link works once, for 15 minutes.
          </Alert>
        )}
        <TextInput
          label="Name"
          autoComplete="username"
          required
          data-autofocus={name === '' || undefined}
          {...(name === '' ? { autoFocus: true } : {})}
          {...form.getInputProps('username')}
        />
        <PasswordInput
          label="Password"
          autoComplete="current-password"
          required
          data-autofocus={name !== '' || undefined}
          visibilityToggleButtonProps={{ 'aria-label': 'Show or hide the password' }}
          {...form.getInputProps('password')}
        />
        <ProblemAlert error={login.error} title="You are not signed in" />
        <Button type="submit" loading={login.isPending}>
          Sign in
        </Button>
        <Text size="sm" c="dimmed" component="div">
          On the machine that runs the platform you need no password: <Code>kafka-ml login</Code>
          <CopyButton text="kafka-ml login" what="command" /> prints a link that signs you in.
        </Text>
      </Stack>
    </form>
  )
}

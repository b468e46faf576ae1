/** The user's own account: name and role, access tokens for scripts, the password. */

import { Stack } from '@mantine/core'
import { Age } from '~/components/Age'
import { Facts } from '~/components/Facts'
import { PageTitle } from '~/components/PageTitle'
import { Section } from '~/components/Section'
import { useSession } from '~/lib/session'
import { PasswordForm } from './PasswordForm'
import { Tokens } from './Tokens'

const MAY: Record<string, string> = {
  viewer: 'viewer: sees everything, changes nothing',
  editor: 'editor: creates, trains, serves and deletes',
  admin: 'admin: everything, including users and the audit trail',
}

export function AccountPage() {
  const { user } = useSession()
  return (
    <Stack gap="lg">
      <PageTitle title="Account" description="Your name and role, access tokens and password" />
      <Facts
        facts={[
          ['Name', user.username],
          ['Role', MAY[user.role] ?? user.role],
          ['Signed in', user.last_login ? <Age key="age" at={user.last_login} size="sm" /> : 'never'],
        ]}
      />
      <Section title="Access tokens">
        <Tokens />
      </Section>
      <Section title="Password">
        <PasswordForm />
      </Section>
    </Stack>
  )
}

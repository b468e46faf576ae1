/** Users and their roles, for admins. */

import { Button, Text, VisuallyHidden } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { AdminsOnly } from '~/components/AdminsOnly'
import { Age } from '~/components/Age'
import { ButtonLink } from '~/components/ButtonLink'
import { ConfirmDelete } from '~/components/ConfirmDelete'
import { EmptyState } from '~/components/EmptyState'
import { FilterSelect } from '~/components/FilterSelect'
import { ListPage } from '~/components/ListPage'
import { RowMenu } from '~/components/RowMenu'
import { StatusBadge } from '~/components/StatusBadge'
import { type User, usersDestroy, usersListOptions } from '~/lib/api'
import { listQuery } from '~/lib/listSearch'
import { notifyDone } from '~/lib/notify'
import { useSession } from '~/lib/session'
import { useListSearch } from '~/lib/useListSearch'
import type { UserSearch } from './routes'
import { UserDialog } from './UserDialog'

const ROLES = ['viewer', 'editor', 'admin'] as const

export function UserListPage() {
  const { can } = useSession()
  return can('admin') ? <Users /> : <AdminsOnly title="Users and roles" />
}

function Users() {
  const { user: me } = useSession()
  const [search, change] = useListSearch<UserSearch>('/users')
  const queryClient = useQueryClient()
  const users = useQuery(usersListOptions({ query: { ...listQuery(search), role: search.role } }))
  const [dialog, setDialog] = useState<User | 'new' | null>(null)
  const [removing, setRemoving] = useState<User | null>(null)
  const read = () => queryClient.invalidateQueries({ queryKey: [{ tags: ['users'] }] })
  return (
    <>
      <ListPage<User>
        title="Users and roles"
        description="Viewers see everything, editors create, train and serve, admins also manage users"
        storeKey="users"
        actions={
          <>
            <ButtonLink to="/audit" variant="default">
              Audit trail
            </ButtonLink>
            <Button size="xs" onClick={() => setDialog('new')}>
              Add a user
            </Button>
          </>
        }
        filters={<FilterSelect label="Role" data={ROLES} value={search.role} onChange={(role) => change({ role })} />}
        filtered={search.role !== undefined}
        list={users}
        search={search}
        onSearch={change}
        columns={[
          { accessor: 'id', title: 'Id', sortable: true, width: 70 },
          {
            accessor: 'username',
            title: 'Name',
            sortable: true,
            render: (user) => (
              <Text size="sm" span>
                {user.username}
                {user.id === me.id ? ' (you)' : ''}
              </Text>
            ),
          },
          { accessor: 'role', title: 'Role', sortable: true },
          {
            accessor: 'is_active',
            title: 'State',
            render: (user) => (
              <StatusBadge
                state={user.is_active ? 'ready' : 'stopped'}
                label={user.is_active ? 'active' : 'deactivated'}
              />
            ),
          },
          {
            accessor: 'has_password',
            title: 'Sign-in',
            render: (user) => (user.has_password ? 'password or link' : 'link only'),
          },
          {
            accessor: 'last_login',
            title: 'Last signed in',
            render: (user) => (user.last_login ? <Age at={user.last_login} size="sm" /> : 'never'),
          },
          { accessor: 'date_joined', title: 'Added', render: (user) => <Age at={user.date_joined} size="sm" /> },
          {
            accessor: 'actions',
            title: <VisuallyHidden>Actions</VisuallyHidden>,
            toggleable: false,
            textAlign: 'right',
            render: (user) => (
              <RowMenu
                name={user.username}
                actions={[
                  { label: 'Change', onClick: () => setDialog(user) },
                  { label: 'Delete', onClick: () => setRemoving(user), danger: true },
                ]}
              />
            ),
          },
        ]}
        empty={
          <EmptyState
            title="No other users"
            action={<Button onClick={() => setDialog('new')}>Add a user</Button>}
            command="kafka-ml users create NAME --role editor"
          />
        }
      />
      {dialog !== null && (
        <UserDialog
          key={dialog === 'new' ? 'new' : dialog.id}
          user={dialog === 'new' ? null : dialog}
          onClose={() => setDialog(null)}
          onDone={() => void read()}
        />
      )}
      <ConfirmDelete
        opened={removing !== null}
        onClose={() => setRemoving(null)}
        what="user"
        name={removing?.username ?? ''}
        losses={['Their sessions, links and access tokens; what they created stays']}
        onDelete={async () => {
          if (removing === null) return
          await usersDestroy({ path: { id: String(removing.id) }, throwOnError: true })
          await read()
          notifyDone(`${removing.username} deleted`)
        }}
      />
    </>
  )
}

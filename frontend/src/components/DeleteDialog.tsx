/** Deletes one or many objects. The dialog first says what goes and what stays, with links to what keeps the rest. */
import { Alert, Button, Group, List, Loader, Modal, Stack, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import type { Deletion } from '~/lib/api'
import { called, type DeletableKind, KINDS } from '~/lib/deletion'
import { capital, plural, sentence } from '~/lib/format'
import { notifyDone } from '~/lib/notify'
import { ConfigurationLink, DeploymentLink, InferenceLink, ModelLink, ResultLink } from './ButtonLink'
import { Caution } from './Caution'
import { ConfirmDelete } from './ConfirmDelete'
import { ProblemAlert } from './ProblemAlert'

const MOST_SHOWN = 10
const LINKS = {
  model: ModelLink,
  configuration: ConfigurationLink,
  deployment: DeploymentLink,
  result: ResultLink,
  inference: InferenceLink,
  replicas: InferenceLink,
}

interface DeleteDialogProps {
  kind: DeletableKind
  ids: readonly number[]
  onClose: () => void
  onDeleted: () => unknown
}

/** Asks before deleting. Mounting the component opens the dialog. */
export function DeleteDialog({ kind, ids, onClose, onDeleted }: DeleteDialogProps) {
  const query = useQuery({ ...KINDS[kind].ask(ids), staleTime: 0, gcTime: 0, placeholderData: undefined })
  const found = query.data
  const { noun } = KINDS[kind]
  const title = ids.length === 1 ? `Delete ${noun}?` : `Delete ${plural(ids.length, noun)}?`
  if (!found) {
    return (
      <Modal opened onClose={onClose} title={title} centered>
        {query.error ? (
          <ProblemAlert error={query.error} onRetry={() => void query.refetch()} />
        ) : (
          <Loader size="sm" aria-label="Checking what will be deleted" />
        )}
      </Modal>
    )
  }
  const going = found.filter((deletion) => deletion.obstacle === null)
  const staying = found.filter((deletion) => deletion.obstacle !== null)
  if (going.length === 0) return <InUse kind={kind} staying={staying} onClose={onClose} />
  const [only] = going
  const alone = ids.length === 1 && only !== undefined
  return (
    <ConfirmDelete
      opened
      onClose={onClose}
      title={alone ? `Delete ${called(kind, only)}?` : `Delete ${plural(going.length, noun)}?`}
      // For several objects the user types their number, so that nobody deletes many by mistake.
      confirm={going.some((deletion) => deletion.careful) ? (alone ? wordOf(kind, only) : String(going.length)) : null}
      body={
        <>
          {alone ? (
            only.losses.length > 0 && <Caution title="What will be deleted" texts={only.losses} />
          ) : (
            <Going kind={kind} going={going} />
          )}
          {staying.length > 0 && <Staying kind={kind} staying={staying} />}
        </>
      }
      onDelete={async () => {
        try {
          // Objects are deleted one after another, because one may need another that is deleted before it.
          for (const deletion of going)
            await KINDS[kind].destroy({ path: { id: String(deletion.id) }, throwOnError: true })
        } catch (error) {
          // After a partial failure the dialog asks again, so that it lists only what is left, with the reasons.
          await query.refetch()
          throw error
        }
        notifyDone(alone ? `${capital(called(kind, only))} deleted` : `${plural(going.length, noun)} deleted`)
        await onDeleted()
      }}
    />
  )
}

function Going({ kind, going }: { kind: DeletableKind; going: readonly Deletion[] }) {
  return (
    <Alert color="yellow" title="What will be deleted">
      <List size="sm" mah={260} style={{ overflowY: 'auto' }}>
        {going.map((deletion) => (
          <List.Item key={deletion.id} style={{ overflowWrap: 'anywhere' }}>
            <b>{called(kind, deletion)}</b>
            {deletion.losses.length > 0 && `: ${deletion.losses.join('; ')}`}
          </List.Item>
        ))}
      </List>
    </Alert>
  )
}

function Staying({ kind, staying }: { kind: DeletableKind; staying: readonly Deletion[] }) {
  return (
    <Stack gap={4}>
      <Text size="sm" fw={600}>
        {staying.length === 1 ? 'One is in use and stays' : `${staying.length} are in use and stay`}:
      </Text>
      <List size="sm" mah={260} style={{ overflowY: 'auto' }}>
        {staying.map((deletion) => (
          <List.Item key={deletion.id} style={{ overflowWrap: 'anywhere' }}>
            {called(kind, deletion)}: {deletion.obstacle?.hint} <Users deletion={deletion} />
          </List.Item>
        ))}
      </List>
    </Stack>
  )
}

/** Shown when nothing can be deleted: each object says why, with links to what has to go or change first. */
function InUse({ kind, staying, onClose }: { kind: DeletableKind; staying: readonly Deletion[]; onClose: () => void }) {
  const [only] = staying
  const alone = staying.length === 1 && only !== undefined
  return (
    <Modal
      opened
      onClose={onClose}
      title={
        alone
          ? `${capital(called(kind, only))} cannot be deleted now`
          : staying.length > 1
            ? `None of ${plural(staying.length, KINDS[kind].noun)} can be deleted now`
            : 'Already deleted'
      }
      centered
    >
      <Stack>
        {alone ? (
          <>
            <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
              {sentence(only.obstacle?.detail)} {sentence(only.obstacle?.hint)}
            </Text>
            <List size="sm">
              {(only.obstacle?.users ?? []).slice(0, MOST_SHOWN).map((user) => (
                <List.Item key={`${user.type}-${user.id}`}>
                  <UserLink user={user} />
                </List.Item>
              ))}
              {(only.obstacle?.users.length ?? 0) > MOST_SHOWN && (
                <List.Item>{(only.obstacle?.users.length ?? 0) - MOST_SHOWN} more</List.Item>
              )}
            </List>
          </>
        ) : (
          staying.length > 0 && <Staying kind={kind} staying={staying} />
        )}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose} data-autofocus>
            Close
          </Button>
        </Group>
      </Stack>
    </Modal>
  )
}

function Users({ deletion }: { deletion: Deletion }) {
  const users = deletion.obstacle?.users ?? []
  return (
    <>
      (
      {users.slice(0, 3).map((user, place) => (
        <span key={`${user.type}-${user.id}`}>
          {place > 0 && ', '}
          <UserLink user={user} />
        </span>
      ))}
      {users.length > 3 && ` and ${users.length - 3} more`})
    </>
  )
}

type User = NonNullable<Deletion['obstacle']>['users'][number]

function UserLink({ user }: { user: User }) {
  const Link = LINKS[user.type as keyof typeof LINKS]
  const named = ['model', 'configuration'].includes(user.type)
  const text = user.type === 'replicas' ? user.name : named ? `${user.type} ${user.name}` : `${user.type} ${user.id}`
  return Link ? <Link id={user.id}>{text}</Link> : text
}

/** The text to type before a single object is deleted. */
function wordOf(kind: DeletableKind, { id, name }: Deletion): string {
  return kind === 'models' ? name : String(id)
}

/** Deleting a configuration: refused while deployments need it, and says which before asking. */
import { List } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { DeploymentLink } from '~/components/ButtonLink'
import { ConfirmDelete } from '~/components/ConfirmDelete'
import { InUseDialog } from '~/components/InUseDialog'
import { type Configuration, configurationsDestroyMutation, type Deployment } from '~/lib/api'
import { plural } from '~/lib/format'
import { notifyDone } from '~/lib/notify'

const MOST_SHOWN = 10

export function DeleteConfiguration({
  configuration,
  deployments,
  count,
  opened,
  onClose,
  onDeleted,
}: {
  configuration: Configuration
  deployments: readonly Deployment[]
  count: number
  opened: boolean
  onClose: () => void
  onDeleted: () => void
}) {
  const destroy = useMutation(configurationsDestroyMutation())
  if (count > 0) {
    return (
      <InUseDialog
        what={`Configuration ${configuration.name}`}
        reason="It cannot be deleted while it has deployments. Delete them first:"
        opened={opened}
        onClose={onClose}
      >
        {deployments.slice(0, MOST_SHOWN).map((each) => (
          <List.Item key={each.id}>
            <DeploymentLink id={each.id}>deployment {each.id}</DeploymentLink>, {plural(each.results.length, 'result')}
          </List.Item>
        ))}
        {count > MOST_SHOWN && <List.Item>{plural(count - MOST_SHOWN, 'more deployment')}</List.Item>}
      </InUseDialog>
    )
  }
  return (
    <ConfirmDelete
      opened={opened}
      onClose={onClose}
      what="configuration"
      name={configuration.name}
      losses={[
        `the grouping of ${plural(configuration.models.length, 'model')}${
          configuration.description ? ' and its description' : ''
        }; the models themselves stay`,
      ]}
      onDelete={async () => {
        await destroy.mutateAsync({ path: { id: String(configuration.id) } })
        notifyDone(`Configuration ${configuration.name} deleted`)
        onDeleted()
      }}
    />
  )
}

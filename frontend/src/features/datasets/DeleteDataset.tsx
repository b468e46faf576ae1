/** Deleting a data set: what was trained on it stays, but no longer leads here. */
import { useMutation } from '@tanstack/react-query'
import { ConfirmDelete } from '~/components/ConfirmDelete'
import { type Dataset, type Deployment, datasetsDestroyMutation } from '~/lib/api'
import { plural } from '~/lib/format'
import { notifyDone } from '~/lib/notify'

const MOST_NAMED = 5

export function DeleteDataset({
  dataset,
  deployments,
  count,
  opened,
  onClose,
  onDeleted,
}: {
  dataset: Dataset
  deployments: readonly Deployment[]
  count: number
  opened: boolean
  onClose: () => void
  onDeleted: () => void
}) {
  const destroy = useMutation(datasetsDestroyMutation())
  return (
    <ConfirmDelete
      opened={opened}
      onClose={onClose}
      what="data set"
      name={dataset.name}
      losses={[
        `${plural(dataset.versions.length, 'version')}with their contracts; the records themselves stay`,
        ...(count > 0 ? [usersText(deployments, count)] : []),
      ]}
      onDelete={async () => {
        await destroy.mutateAsync({ path: { id: String(dataset.id) } })
        notifyDone(`Data set ${dataset.name} deleted`)
        onDeleted()
      }}
    />
  )
}

/** 'the link to it from deployments 1, 2 and 3 more; their results, which keep the contract, stay'. */
export function usersText(deployments: readonly Pick<Deployment, 'id'>[], count: number): string {
  const named = deployments.slice(0, MOST_NAMED).map((each) => each.id)
  const more = count > named.length ? ` and ${count - named.length} more` : ''
  return `the link to it from deployment${count === 1 ? '' : 's'} ${named.join(', ')}${more}; their results stay`
}

/** Deleting a model: refused while others use it, and says who before asking. */
import { List } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { ConfigurationLink, ModelLink, ResultLink } from '~/components/ButtonLink'
import { ConfirmDelete } from '~/components/ConfirmDelete'
import { InUseDialog } from '~/components/InUseDialog'
import { type Model, type ModelRow, modelsDestroyMutation, type ResultRow } from '~/lib/api'
import { plural } from '~/lib/format'
import { notifyDone } from '~/lib/notify'

const MOST_SHOWN = 10

export function DeleteModel({
  model,
  results,
  resultCount,
  lower,
  opened,
  onClose,
  onDeleted,
}: {
  model: Model
  results: readonly ResultRow[]
  resultCount: number
  /** Sub-models that send to this one. */
  lower: readonly ModelRow[]
  opened: boolean
  onClose: () => void
  onDeleted: () => void
}) {
  const destroy = useMutation(modelsDestroyMutation())
  if (model.used_by.length > 0 || resultCount > 0 || lower.length > 0) {
    return (
      <InUseDialog
        what={`Model ${model.name}`}
        reason="It cannot be deleted while it is in use. Delete or change these first:"
        opened={opened}
        onClose={onClose}
      >
        {model.used_by.slice(0, MOST_SHOWN).map((each) => (
          <List.Item key={`configuration-${each.id}`}>
            <ConfigurationLink id={each.id}>configuration {each.name}</ConfigurationLink>
          </List.Item>
        ))}
        {lower.slice(0, MOST_SHOWN).map((each) => (
          <List.Item key={`model-${each.id}`}>
            <ModelLink id={each.id}>model {each.name}, which sends to it</ModelLink>
          </List.Item>
        ))}
        {results.slice(0, MOST_SHOWN).map((each) => (
          <List.Item key={`result-${each.id}`}>
            <ResultLink id={each.id}>
              result {each.id} of deployment {each.deployment}
            </ResultLink>
          </List.Item>
        ))}
        {resultCount > MOST_SHOWN && <List.Item>{plural(resultCount - MOST_SHOWN, 'more result')}</List.Item>}
      </InUseDialog>
    )
  }
  return (
    <ConfirmDelete
      opened={opened}
      onClose={onClose}
      what="model"
      name={model.name}
      losses={[`its code: ${plural(model.code.split('\n').length, 'line')}, which is not kept anywhere else`]}
      typeName
      onDelete={async () => {
        await destroy.mutateAsync({ path: { id: String(model.id) } })
        notifyDone(`Model ${model.name} deleted`)
        onDeleted()
      }}
    />
  )
}

/** A new model: empty, from a template, or as a copy of another one. */
import { useMutation, useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { PageTitle } from '~/components/ListPage'
import { ProblemAlert } from '~/components/ProblemAlert'
import { modelsCreateMutation, modelsRetrieveOptions } from '~/lib/api'
import { notifyDone } from '~/lib/notify'
import { useSession } from '~/lib/session'
import { createEquivalents } from './equivalents'
import { ModelForm } from './ModelForm'
import { EMPTY, type ModelValues, valuesOf, valuesOfTemplate } from './source'
import { templateOf } from './templates'

export function ModelNewPage() {
  const { template, copy } = useSearch({ from: '/models/new' })
  const { can } = useSession()
  const original = useQuery({ ...modelsRetrieveOptions({ path: { id: String(copy) } }), enabled: copy !== undefined })
  const chosen = templateOf(template)
  if (!can('editor'))
    return <PageTitle title="New model" description="Your role can view models but not create them." />
  if (copy !== undefined) {
    if (original.error) return <ProblemAlert error={original.error} title={`Model ${copy} cannot be copied`} />
    if (!original.data || original.isPlaceholderData) return <PageTitle title="New model" />
    const values = valuesOf(original.data)
    return (
      <NewModel
        key={`copy-${copy}`}
        draft={`copy-${copy}`}
        initial={{ ...values, name: `${values.name} copy`.slice(0, 100) }}
      />
    )
  }
  if (chosen) return <NewModel key={chosen.id} draft={chosen.id} initial={valuesOfTemplate(chosen)} />
  return <NewModel key="new" draft="new" initial={EMPTY} />
}

function NewModel({ draft, initial }: { draft: string; initial: ModelValues }) {
  const navigate = useNavigate()
  const create = useMutation(modelsCreateMutation())
  return (
    <ModelForm
      draftName={`model-${draft}`}
      initial={initial}
      saveLabel="Save model"
      equivalents={createEquivalents}
      header={<PageTitle title="New model" />}
      onSave={async (body) => {
        const model = await create.mutateAsync({ body })
        return () => {
          notifyDone(`Model ${model.name} saved`)
          void navigate({ to: '/models/$id', params: { id: String(model.id) }, search: {}, ignoreBlocker: true })
        }
      }}
    />
  )
}

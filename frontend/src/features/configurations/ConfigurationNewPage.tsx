/** A new configuration, with models already chosen when one comes from them. */
import { useMutation } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { PageTitle } from '~/components/ListPage'
import { configurationsCreateMutation } from '~/lib/api'
import { notifyDone } from '~/lib/notify'
import { useSession } from '~/lib/session'
import { ConfigurationForm } from './ConfigurationForm'
import { createEquivalents } from './equivalents'
import { savedText } from './words'

export function ConfigurationNewPage() {
  const { models = [], ...data } = useSearch({ from: '/configurations/new' })
  const { can } = useSession()
  const navigate = useNavigate()
  const create = useMutation(configurationsCreateMutation())
  if (!can('editor')) {
    return <PageTitle title="New configuration" description="Your role can view configurations but not create them." />
  }
  const chosen = models.join('-')
  return (
    <ConfigurationForm
      key={chosen}
      isNew
      draftName={`configuration-new${chosen && `-${chosen}`}`}
      initial={{ name: '', description: '', models: [...models] }}
      saveLabel="Save configuration"
      equivalents={createEquivalents}
      header={<PageTitle title="New configuration" description="Models that train on the same data." />}
      onSave={async (body) => {
        const made = await create.mutateAsync({ body })
        return () => {
          notifyDone(savedText(made, 'next, deploy it for training'))
          void navigate(
            data.dataset === undefined && data.stream === undefined
              ? { to: '/configurations/$id', params: { id: String(made.id) }, search: {}, ignoreBlocker: true }
              : { to: '/training/new', search: { ...data, configuration: made.id }, ignoreBlocker: true },
          )
        }
      }}
    />
  )
}

/** One model: what it is, its code, and what uses it. */
import { Group, Text } from '@mantine/core'
import { IconCopy, IconTrash } from '@tabler/icons-react'
import { useMutation, useQuery } from '@tanstack/react-query'
import { useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { ButtonLink } from '~/components/ButtonLink'
import { CodeEditor } from '~/components/CodeEditor'
import { CopyAs } from '~/components/CopyAs'
import { DeleteDialog } from '~/components/DeleteDialog'
import { Dimmed } from '~/components/Dimmed'
import { FrameworkMark } from '~/components/FrameworkMark'
import { ObjectPage } from '~/components/ObjectPage'
import { type Model, modelsRetrieveOptions, modelsUpdateMutation, resultsListOptions } from '~/lib/api'
import { formatCount } from '~/lib/format'
import { notifyDone } from '~/lib/notify'
import { useSession } from '~/lib/session'
import { objectEquivalents, updateEquivalents } from './equivalents'
import { ModelForm } from './ModelForm'
import { ModelOverview } from './ModelOverview'
import { ModelUsers } from './ModelUsers'
import { valuesOf } from './source'
import { TrainButton } from './TrainButton'
import { useSubModels } from './useSubModels'

export function ModelPage() {
  const { id } = useParams({ from: '/models/$id' })
  const { tab } = useSearch({ from: '/models/$id' })
  const navigate = useNavigate({ from: '/models/$id' })
  const { can } = useSession()
  const [deleting, setDeleting] = useState(false)
  const query = useQuery(modelsRetrieveOptions({ path: { id } }))
  const model = query.isPlaceholderData ? undefined : query.data
  const results = useQuery(resultsListOptions({ query: { model: Number(id), limit: 100 } }))
  const subModels = useSubModels({ enabled: model?.distributed === true })
  const users = (model?.used_by.length ?? 0) + (results.data?.count ?? 0)
  return (
    <ObjectPage
      what="Model"
      id={Number(id)}
      title={model?.name}
      createdAt={model?.created_at}
      query={query}
      subtitle={
        model && (
          <Group gap="xs">
            <FrameworkMark framework={model.framework} />
            {model.distributed && <Text size="sm">sub-model of a distributed model</Text>}
          </Group>
        )
      }
      actions={
        model && (
          <>
            {tab !== 'code' && <CopyAs equivalents={objectEquivalents(model.id)} />}
            {can('editor') && (
              <>
                <ButtonLink variant="default" to="/configurations/new" search={{ models: [model.id] }}>
                  Use in a configuration
                </ButtonLink>
                <TrainButton id={model.id} name={model.name} variant={tab === 'code' ? 'default' : 'filled'} />
              </>
            )}
          </>
        )
      }
      menu={
        model && can('editor')
          ? [
              {
                label: 'Duplicate',
                icon: <IconCopy size={14} aria-hidden />,
                onClick: () => void navigate({ to: '/models/new', search: { copy: model.id } }),
              },
              {
                label: 'Delete',
                danger: true,
                icon: <IconTrash size={14} aria-hidden />,
                onClick: () => setDeleting(true),
              },
            ]
          : []
      }
      tab={tab}
      onTab={(next) => void navigate({ search: { tab: next === 'overview' ? undefined : next } })}
      tabs={
        model && [
          {
            value: 'overview',
            label: 'Overview',
            content: () => <ModelOverview model={model} subModels={subModels} />,
          },
          {
            value: 'code',
            label: 'Code',
            content: () => (can('editor') ? <ModelEditor key={model.id} model={model} /> : <ModelCode model={model} />),
          },
          {
            value: 'users',
            label: users > 0 ? `Used by (${formatCount(users)})` : 'Used by',
            content: () => <ModelUsers model={model} subModels={subModels} results={results} />,
          },
        ]
      }
    >
      {model && deleting && (
        <DeleteDialog
          kind="models"
          ids={[model.id]}
          onClose={() => setDeleting(false)}
          onDeleted={() => navigate({ to: '/models', search: {}, ignoreBlocker: true })}
        />
      )}
    </ObjectPage>
  )
}

function ModelEditor({ model }: { model: Model }) {
  const update = useMutation(modelsUpdateMutation())
  const values = valuesOf(model)
  return (
    <ModelForm
      draftName={`model-${model.id}`}
      initial={values}
      saved={model}
      saveLabel="Save changes"
      equivalents={(now) => updateEquivalents(model.id, values, now)}
      header={<Dimmed>Training runs that have started keep the code with which they started.</Dimmed>}
      onSave={async (body) => {
        const saved = await update.mutateAsync({ path: { id: String(model.id) }, body })
        return () => notifyDone(`Model ${saved.name} saved`)
      }}
    />
  )
}

/** The code of a model for users who may only view. */
function ModelCode({ model }: { model: Model }) {
  return (
    <>
      {model.imports && <CodeEditor label="Imports" value={model.imports} readOnly minHeight={40} />}
      <CodeEditor label="Code" value={model.code} readOnly maxHeight={640} />
    </>
  )
}

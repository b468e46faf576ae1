/** One configuration: its models, its deployments, and the way to train. */
import { Stack, Text } from '@mantine/core'
import { IconTrash } from '@tabler/icons-react'
import { useMutation, useQuery } from '@tanstack/react-query'
import { useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { ButtonLink } from '~/components/ButtonLink'
import { ChainPicture } from '~/components/ChainPicture'
import { CopyAs } from '~/components/CopyAs'
import { DeleteDialog } from '~/components/DeleteDialog'
import { Dimmed } from '~/components/Dimmed'
import { ObjectPage } from '~/components/ObjectPage'
import { Section } from '~/components/Section'
import {
  type Configuration,
  configurationsRetrieveOptions,
  configurationsUpdateMutation,
  deploymentsListOptions,
} from '~/lib/api'
import { formatCount } from '~/lib/format'
import { notifyDone } from '~/lib/notify'
import { useSession } from '~/lib/session'
import { inputConflict, unitsOf } from '~/lib/units'
import { InputWarning } from './ChosenSummary'
import { ConfigurationDeployments } from './ConfigurationDeployments'
import { ConfigurationForm } from './ConfigurationForm'
import { objectEquivalents, updateEquivalents } from './equivalents'
import { UnitTable } from './UnitTable'
import { savedText } from './words'

export function ConfigurationPage() {
  const { id } = useParams({ from: '/configurations/$id' })
  const { tab } = useSearch({ from: '/configurations/$id' })
  const navigate = useNavigate({ from: '/configurations/$id' })
  const { can } = useSession()
  const [deleting, setDeleting] = useState(false)
  const query = useQuery(configurationsRetrieveOptions({ path: { id } }))
  const configuration = query.isPlaceholderData ? undefined : query.data
  const deployments = useQuery(deploymentsListOptions({ query: { configuration: Number(id), limit: 50 } }))
  const count = deployments.data?.count ?? configuration?.deployments ?? 0
  const editor = can('editor')
  return (
    <ObjectPage
      what="Configuration"
      id={Number(id)}
      title={configuration?.name}
      createdAt={configuration?.created_at}
      query={query}
      actions={
        configuration && (
          <>
            {tab !== 'edit' && <CopyAs equivalents={objectEquivalents(configuration.id)} />}
            {editor && (
              <ButtonLink to="/training/new" search={{ configuration: configuration.id }}>
                Deploy for training
              </ButtonLink>
            )}
          </>
        )
      }
      menu={
        configuration && editor
          ? [
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
      onTab={(next) => void navigate({ search: { tab: next === 'models' ? undefined : next } })}
      tabs={
        configuration && [
          { value: 'models', label: 'Models', content: () => <Models configuration={configuration} /> },
          {
            value: 'deployments',
            label: count > 0 ? `Deployments (${formatCount(count)})` : 'Deployments',
            content: () => <ConfigurationDeployments configuration={configuration} deployments={deployments} />,
          },
          ...(editor
            ? [
                {
                  value: 'edit',
                  label: 'Edit',
                  content: () => <Edit key={configuration.id} configuration={configuration} />,
                },
              ]
            : []),
        ]
      }
    >
      {configuration && deleting && (
        <DeleteDialog
          kind="configurations"
          ids={[configuration.id]}
          onClose={() => setDeleting(false)}
          onDeleted={() => navigate({ to: '/configurations', search: {}, ignoreBlocker: true })}
        />
      )}
    </ObjectPage>
  )
}

function Models({ configuration }: { configuration: Configuration }) {
  const units = unitsOf(configuration.model_details)
  const conflict = inputConflict(units)
  return (
    <Stack gap="md" maw={960}>
      {configuration.description && (
        <Text size="sm" style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>
          {configuration.description}
        </Text>
      )}
      {conflict && <InputWarning conflict={conflict} />}
      <UnitTable label="Models of this configuration" units={units} />
      {units
        .filter((unit) => unit.length > 1)
        .map((unit) => (
          <Section key={unit[0].id} title={`The chain below ${unit.at(-1)?.name}`}>
            <ChainPicture parts={unit} />
          </Section>
        ))}
    </Stack>
  )
}

function Edit({ configuration }: { configuration: Configuration }) {
  const update = useMutation(configurationsUpdateMutation())
  const { id, name, description, models } = configuration
  return (
    <ConfigurationForm
      draftName={`configuration-${id}`}
      initial={{ name, description, models: [...models] }}
      saveLabel="Save changes"
      equivalents={(values) => updateEquivalents(id, values)}
      header={<Dimmed>Existing deployments keep the models with which they were created.</Dimmed>}
      onSave={async (body) => {
        const saved = await update.mutateAsync({ path: { id: String(id) }, body })
        return () => notifyDone(savedText(saved))
      }}
    />
  )
}

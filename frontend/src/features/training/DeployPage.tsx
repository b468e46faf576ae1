/** Deploys a configuration for training: choose it, say how its models train, see what will happen, deploy. */
import { Grid, Group, Stack, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { ButtonLink } from '~/components/ButtonLink'
import { EmptyState } from '~/components/EmptyState'
import { PageTitle } from '~/components/ListPage'
import { ProblemAlert } from '~/components/ProblemAlert'
import {
  configurationsListOptions,
  configurationsRetrieveOptions,
  deploymentsOptionsRetrieveOptions,
  deploymentsRetrieveOptions,
} from '~/lib/api'
import { useFrameworks } from '~/lib/frameworks'
import { useSession } from '~/lib/session'
import { ConfigurationChoice } from './ConfigurationChoice'
import { DeployForm } from './DeployForm'
import { firstValues, valuesOf } from './form'

export function DeployPage() {
  const { can } = useSession()
  const navigate = useNavigate({ from: '/training/new' })
  const search = useSearch({ from: '/training/new' })
  const configurations = useQuery(configurationsListOptions({ query: { limit: 200, ordering: 'name' } }))
  const options = useQuery(deploymentsOptionsRetrieveOptions())
  const frameworks = useFrameworks()
  const earlier = useQuery({
    ...deploymentsRetrieveOptions({ path: { id: String(search.from) } }),
    enabled: search.from !== undefined,
  })
  const rows = configurations.data?.results ?? []
  // A single configuration is chosen automatically.
  const chosen = search.configuration ?? earlier.data?.configuration ?? (rows.length === 1 ? rows[0]?.id : undefined)
  const configuration = useQuery({
    ...configurationsRetrieveOptions({ path: { id: String(chosen) } }),
    enabled: chosen !== undefined,
  })
  const shown = configuration.data?.id === chosen ? configuration.data : undefined
  const ready =
    options.data !== undefined && frameworks.length > 0 && (search.from === undefined || earlier.data !== undefined)
  const draft = [
    'training-new',
    ...(search.from === undefined ? [] : [`from-${search.from}`]),
    ...(search.stream === undefined ? [] : [`stream-${search.stream}`]),
    ...(search.dataset === undefined ? [] : [`dataset-${search.dataset}`, search.dataset_version ?? 'newest']),
  ].join('-')
  const first = {
    ...(earlier.data && search.from !== undefined ? valuesOf(earlier.data) : firstValues(frameworks)),
    ...(search.dataset === undefined
      ? {}
      : { dataset: { id: search.dataset, version: search.dataset_version ?? null } }),
  }
  // The link keeps the data set or stream to train on.
  const create = (
    <ButtonLink
      to="/configurations/new"
      search={{ dataset: search.dataset, dataset_version: search.dataset_version, stream: search.stream }}
    >
      New configuration
    </ButtonLink>
  )
  const error = configurations.error ?? options.error ?? earlier.error ?? configuration.error
  const title = (
    <PageTitle
      title="Deploy for training"
      description="Trains the models of a configuration: at once on a data set, or on a stream as soon as one is announced."
    />
  )
  if (!can('editor')) {
    return (
      <Stack>
        {title}
        <Text>You need the editor role to deploy.</Text>
      </Stack>
    )
  }
  if (configurations.data?.count === 0) {
    return (
      <Stack>
        {title}
        <EmptyState
          title="Create a configuration first"
          action={create}
          command="kafka-ml configurations create NAME --model 1"
        >
          You deploy a configuration: one model, or several that train on the same data.
        </EmptyState>
      </Stack>
    )
  }
  return (
    <Stack>
      {title}
      <ProblemAlert error={error} onRetry={() => void configurations.refetch()} />
      <Grid gap="xl">
        <Grid.Col span={{ base: 12, md: 8 }}>
          <Stack>
            <ConfigurationChoice
              rows={rows}
              chosen={shown}
              value={chosen}
              onChange={(id) =>
                void navigate({ search: (before) => ({ ...before, configuration: id }), replace: true })
              }
            />
            {chosen === undefined && configurations.data && (
              <Group gap="xs">
                <Text size="sm">
                  {search.dataset === undefined
                    ? 'Choose one, or make one:'
                    : 'Choose one whose models fit the data set, or make one:'}
                </Text>
                {create}
              </Group>
            )}
            {shown && ready && (
              <DeployForm
                // First values from another source make another form.
                key={draft}
                draft={draft}
                first={first}
                source={search.from}
                stream={search.stream}
                configuration={shown}
                frameworks={frameworks}
                modes={options.data.modes}
              />
            )}
          </Stack>
        </Grid.Col>
      </Grid>
    </Stack>
  )
}

/** The examples that this platform can run, and the output of the last run, while it runs and afterwards. */
import { Alert, Box, Button, Card, Group, Skeleton, Stack, Text } from '@mantine/core'
import { IconPlayerPlay } from '@tabler/icons-react'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Age } from '~/components/Age'
import { ButtonLink } from '~/components/ButtonLink'
import { Dimmed } from '~/components/Dimmed'
import { EmptyState } from '~/components/EmptyState'
import { PageTitle } from '~/components/PageTitle'
import { ProblemAlert } from '~/components/ProblemAlert'
import { Section } from '~/components/Section'
import { StatusBadge } from '~/components/StatusBadge'
import { StopButton } from '~/components/StopButton'
import {
  type ExampleRun,
  examplesCreateMutation,
  examplesDestroy,
  examplesRetrieveOptions,
  examplesRetrieveQueryKey,
} from '~/lib/api'
import { plural } from '~/lib/format'
import { useSession } from '~/lib/session'
import { pagesNamed } from './pagesNamed'

const LOOK_EVERY_MS = 1000

export function ExamplesPage() {
  const { can } = useSession()
  const queryClient = useQueryClient()
  const examples = useQuery({
    ...examplesRetrieveOptions(),
    refetchInterval: (query) => (query.state.data?.run?.state === 'running' ? LOOK_EVERY_MS : false),
  })
  const lookAgain = () => queryClient.invalidateQueries({ queryKey: examplesRetrieveQueryKey() })
  const start = useMutation({ ...examplesCreateMutation(), onSettled: lookAgain })
  const data = examples.data
  const running = data?.run?.state === 'running'
  return (
    <Stack gap="lg">
      <PageTitle
        title="Examples"
        description="Each goes from nothing to predictions: models, a stream, training, inference. What it makes stays."
        actions={
          running &&
          can('editor') && (
            <StopButton
              what="example"
              name={data?.run?.name ?? ''}
              begun
              happens={['Its program ends where it is. What it has made so far stays.']}
              stop={async () => {
                await examplesDestroy({ throwOnError: true })
                await lookAgain()
              }}
            />
          )
        }
      />
      <ProblemAlert error={examples.error ?? start.error} />
      {data === undefined && examples.error === null && <Skeleton h={200} />}
      {data?.run && <Run run={data.run} />}
      {data && data.available.length > 0 && can('editor') && (
        <Section title="Run an example">
          <Stack gap="xs">
            {data.available.map((example) => (
              <Card key={example.name} withBorder p="sm">
                <Group justify="space-between" gap="xs">
                  <Box miw={200} flex={1}>
                    <Text fw={600} style={{ overflowWrap: 'anywhere' }}>
                      {example.name}
                    </Text>
                    <Text size="sm">{example.about}</Text>
                    <Dimmed>
                      about{' '}
                      {example.minutes < 1 ? plural(60 * example.minutes, 'second') : plural(example.minutes, 'minute')}{' '}
                      · data: {example.data}
                    </Dimmed>
                  </Box>
                  <Button
                    size="xs"
                    variant="default"
                    leftSection={<IconPlayerPlay size={14} aria-hidden />}
                    disabled={running || start.isPending}
                    onClick={() => start.mutate({ body: { name: example.name } })}
                    aria-label={`Run ${example.name}`}
                  >
                    Run
                  </Button>
                </Group>
              </Card>
            ))}
          </Stack>
          <Dimmed mt="xs">
            One at a time. Models, programs and what one learns of each:{' '}
            <a href="/docs/examples/" target="_blank" rel="noreferrer">
              the documentation
            </a>
            .
          </Dimmed>
        </Section>
      )}
      {data && data.available.length > 0 && data.run === null && !can('editor') && (
        <EmptyState title="No example has been run here yet">Editors can run one.</EmptyState>
      )}
      {data?.available.length === 0 && (
        <EmptyState title="This platform runs no examples" command="kafka-ml examples run digits">
          Their programs are not where it runs. They can be run elsewhere against it, with KML_URL and KML_TOKEN.
        </EmptyState>
      )}
    </Stack>
  )
}

function Run({ run }: { run: ExampleRun }) {
  const pages = pagesNamed(run.output)
  return (
    <Section title={run.name}>
      <Stack gap="sm">
        <Group gap="xs">
          <StatusBadge state={run.state} />
          <Text size="sm">
            started by {run.by}, <Age at={run.started_at} />
          </Text>
        </Group>
        {run.reason && (
          <Alert color="red" title="It failed">
            {run.reason}
          </Alert>
        )}
        {pages.length > 0 && (
          <Group gap="xs">
            {pages.map((page) => (
              <ButtonLink key={page.path} to={page.path} variant="default">
                {page.label}
              </ButtonLink>
            ))}
          </Group>
        )}
        <Box
          component="pre"
          tabIndex={0}
          aria-label={`What ${run.name} printed`}
          style={{ overflowX: 'auto', fontSize: 12, lineHeight: 1.4, margin: 0 }}
        >
          {run.output || 'It has printed nothing yet.'}
        </Box>
        {run.output_cut && <Dimmed>It printed more than is kept.</Dimmed>}
      </Stack>
    </Section>
  )
}

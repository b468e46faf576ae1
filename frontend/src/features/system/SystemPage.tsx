/** The state of the platform: whether each component runs, on what machine, and how user code is isolated. */

import { Alert, Group, Skeleton, Stack } from '@mantine/core'
import { IconShieldOff } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { ButtonLink } from '~/components/ButtonLink'
import { CopyButton } from '~/components/CopyButton'
import { Dimmed } from '~/components/Dimmed'
import { Facts } from '~/components/Facts'
import { PageTitle } from '~/components/PageTitle'
import { ProblemAlert } from '~/components/ProblemAlert'
import { Section } from '~/components/Section'
import { StatusBadge } from '~/components/StatusBadge'
import { type System, systemRetrieveOptions } from '~/lib/api'
import { plural } from '~/lib/format'
import { useSession } from '~/lib/session'
import { ComponentTable } from './ComponentTable'
import { ExecutorTable } from './ExecutorTable'
import { GpuTable } from './GpuTable'
import { machineFacts, supportSummary, troubles } from './summary'

/**
 * The interval of requests in milliseconds. A component that dies publishes no event, so the page asks while it is
 * shown.
 */
const LOOK_EVERY_MS = 10_000

export function SystemPage() {
  const { can } = useSession()
  const system = useQuery({ ...systemRetrieveOptions(), refetchInterval: LOOK_EVERY_MS })
  const data = system.data
  const wrong = data ? troubles(data) : []
  return (
    <Stack gap="lg">
      <PageTitle
        title="System"
        description={
          data === undefined
            ? 'The parts of the platform'
            : wrong.length === 0
              ? `Everything works: ${plural(data.components.length, 'component')}, version ${data.version}`
              : `Needs attention: ${wrong.join('; ')}`
        }
        actions={
          <>
            {can('admin') && (
              <>
                <ButtonLink to="/clusters" variant="default">
                  Other clusters
                </ButtonLink>
                <ButtonLink to="/webhooks" variant="default">
                  Webhooks
                </ButtonLink>
              </>
            )}
            {data && <CopyButton text={supportSummary(data)} label="Copy summary for support" />}
          </>
        }
      />
      <ProblemAlert error={system.error} onRetry={() => void system.refetch()} />
      {data === undefined ? system.error === null && <Loading /> : <Whole system={data} />}
    </Stack>
  )
}

function Whole({ system }: { system: System }) {
  const { isolation, broker, launcher } = system
  return (
    <>
      {isolation.off && (
        <Alert role="alert" color="yellow" icon={<IconShieldOff aria-hidden />} title="User code is not isolated">
          Models run with the rights of the platform: they can read its files and reach the network. Set KML_ISOLATION
          to auto and restart; kafka-ml doctor shows what is missing on this machine.
        </Alert>
      )}
      <Section title="Components">
        <ComponentTable components={system.components} />
      </Section>
      <Section title="Executors">
        <ExecutorTable executors={system.executors} />
      </Section>
      <Section title="Kafka, launcher, isolation">
        <Facts
          facts={[
            [
              'Broker',
              <Group key="broker" gap="xs">
                <StatusBadge
                  state={broker.reachable ? 'ready' : 'failed'}
                  label={broker.reachable ? 'answers' : 'not responding'}
                />
                <span>{broker.bootstrap_servers}</span>
                <CopyButton text={broker.bootstrap_servers} what="address" />
              </Group>,
            ],
            ['Control topics', system.control_topics.join(', ')],
            [
              'Launcher',
              launcher.kind === 'process'
                ? `processes on this machine${launcher.warm_workers ? ', kept warm' : ''}`
                : `pods in namespace ${launcher.namespace}`,
            ],
            ['Scaling with the lag', launcher.autoscaling ? 'with KEDA' : `no: ${launcher.autoscaling_obstacle}`],
            [
              'Isolation in force',
              isolation.levels.length === 0 ? 'unknown: no executor responds' : isolation.levels.join(', '),
            ],
            ['Isolation requested', isolation.setting],
          ]}
        />
      </Section>
      <Section title="Machine">
        <Facts facts={machineFacts(system.machine)} />
        {launcher.kind === 'kubernetes' && (
          <Dimmed>That of the web server. Workers run on nodes of the cluster: see kubectl top nodes.</Dimmed>
        )}
      </Section>
      <Section title="GPUs">
        {system.gpus.length === 0 ? (
          <Dimmed>{system.gpu_note || 'No GPU found'}. Training and inference run on the CPU.</Dimmed>
        ) : (
          <GpuTable gpus={system.gpus} />
        )}
      </Section>
      <Section title="Versions">
        <Facts
          facts={[
            ['kafka-ml', system.version],
            ...Object.entries(system.versions).map((version) => version as [string, string]),
          ]}
        />
      </Section>
    </>
  )
}

function Loading() {
  return (
    <Stack aria-busy aria-label="Loading">
      <Skeleton height={220} />
      <Skeleton height={90} />
      <Skeleton height={120} />
    </Stack>
  )
}

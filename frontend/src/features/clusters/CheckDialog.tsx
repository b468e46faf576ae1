/** Checks another cluster when the dialog opens, and shows what works and what does not. */
import { Button, Group, Modal, Skeleton, Stack, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Dimmed, SmallPrint } from '~/components/Dimmed'
import { ProblemAlert } from '~/components/ProblemAlert'
import { RowTable } from '~/components/RowTable'
import { StatusBadge } from '~/components/StatusBadge'
import { type CheckStep, type Cluster, type ClusterCheck, clustersCheckCreate } from '~/lib/api'

export function CheckDialog({ cluster, onClose }: { cluster: Cluster; onClose: () => void }) {
  const check = useQuery({
    // The key has none of the API's topics, so no event repeats the check.
    queryKey: ['cluster-check', cluster.id],
    queryFn: async () => {
      const { data } = await clustersCheckCreate({ path: { id: String(cluster.id) }, throwOnError: true })
      return data
    },
    gcTime: 0,
    retry: false,
    refetchOnWindowFocus: false,
  })
  return (
    <Modal opened onClose={onClose} centered size="xl" title={`Check of ${cluster.name}`}>
      <Stack gap="sm">
        {check.isFetching ? (
          <Stack aria-busy aria-label="Checking">
            <Skeleton height={22} width={280} />
            <Skeleton height={180} />
          </Stack>
        ) : (
          <>
            <ProblemAlert error={check.error} />
            {check.data && <CheckResult check={check.data} />}
          </>
        )}
        <Group justify="flex-end">
          <Button variant="default" loading={check.isFetching} onClick={() => void check.refetch()}>
            Check again
          </Button>
        </Group>
      </Stack>
    </Modal>
  )
}

export function CheckResult({ check }: { check: ClusterCheck }) {
  return (
    <>
      <Group gap="xs" role="status">
        <StatusBadge
          state={check.ok ? 'ready' : 'failed'}
          label={check.ok ? 'inferences can run there' : 'inferences cannot run there'}
        />
        {check.version && <Dimmed>Kubernetes {check.version}</Dimmed>}
      </Group>
      <RowTable
        label="Checks"
        minWidth={480}
        rows={check.steps}
        rowKey={(step) => step.name}
        columns={[
          { title: 'What', cell: (step) => step.name },
          { title: 'State', cell: (step) => <StepBadge step={step} /> },
          {
            title: 'Details',
            cell: (step) => (
              <>
                {step.detail}
                {step.hint && (
                  <Text size="sm">
                    <b>What to do:</b> {step.hint}
                  </Text>
                )}
              </>
            ),
            td: { style: { overflowWrap: 'anywhere' } },
          },
        ]}
      />
      <SmallPrint>Whether its pods reach Kafka and this platform is known when an inference starts there.</SmallPrint>
    </>
  )
}

function StepBadge({ step }: { step: CheckStep }) {
  if (step.ok) return <StatusBadge state="ready" label="works" />
  return step.needed ? (
    <StatusBadge state="failed" label="fails" />
  ) : (
    <StatusBadge state="warning" label="missing (optional)" />
  )
}

/** How to send data to a waiting deployment: a program to copy, or an existing stream. */
import { Button, Skeleton, Stack, Tabs, Text, Title, VisuallyHidden } from '@mantine/core'
import { useMutation, useQuery } from '@tanstack/react-query'
import { Age } from '~/components/Age'
import { StreamLink } from '~/components/ButtonLink'
import { Dimmed, SmallPrint } from '~/components/Dimmed'
import { ProblemAlert } from '~/components/ProblemAlert'
import { RowTable } from '~/components/RowTable'
import { SinkSnippet } from '~/components/SinkSnippet'
import {
  configurationsRetrieveOptions,
  type Deployment,
  deploymentsStreamsOptions,
  type ModelOf,
  type Stream,
  streamsListOptions,
  streamsSendCreateMutation,
  systemRetrieveOptions,
} from '~/lib/api'
import { formatCount, formatPercent } from '~/lib/format'
import { notifyDone } from '~/lib/notify'
import { useSession } from '~/lib/session'
import { unitsOf } from '~/lib/units'

/** How many of the newest streams are offered. */
const SHOWN = 20

export function SendStream({ deployment }: { deployment: Deployment }) {
  const system = useQuery(systemRetrieveOptions())
  const configuration = useQuery(configurationsRetrieveOptions({ path: { id: String(deployment.configuration) } }))
  const streams = useQuery(streamsListOptions({ query: { ordering: '-id', limit: SHOWN, repeats: false } }))
  const online = deployment.mode === 'incremental'
  const shape = shapeOf(configuration.data?.model_details ?? [])
  return (
    <Stack gap="xs">
      <Title order={2}>Waiting for data</Title>
      <Dimmed>
        {online
          ? `Announce a stream with no end to deployment ${deployment.id} and send samples to its topic. The programs do both. ` +
            'Training starts with the first sample and continues with all that follow.'
          : `Send samples to any topic and announce them to deployment ${deployment.id}. The programs do both. Training ` +
            'starts at once.'}
        {deployment.semi_supervised &&
          ' It also learns from unlabelled samples in another topic, announced with the stream as ' +
            'unsupervised_topic. The programs send to both.'}
      </Dimmed>
      <Tabs defaultValue="send" keepMounted={false}>
        <Tabs.List>
          <Tabs.Tab value="send">Send new data</Tabs.Tab>
          <Tabs.Tab value="use">Use an existing stream</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="send" pt="sm">
          <ProblemAlert error={system.error} />
          {system.data && !configuration.isPending ? (
            <SinkSnippet
              // The program is made again for another shape, because its samples fit the model.
              key={JSON.stringify(shape)}
              deploymentId={deployment.id}
              bootstrapServers={system.data.broker.sink_bootstrap_servers}
              controlTopic={system.data.control_topic}
              online={online}
              semiSupervised={deployment.semi_supervised !== null}
              {...shape}
            />
          ) : (
            <Skeleton height={240} />
          )}
        </Tabs.Panel>
        <Tabs.Panel value="use" pt="sm">
          <ProblemAlert error={streams.error} onRetry={() => void streams.refetch()} />
          {streams.data && <StreamTable rows={streams.data.results} deployment={deployment} />}
        </Tabs.Panel>
      </Tabs>
    </Stack>
  )
}

function StreamTable({ rows, deployment }: { rows: readonly Stream[]; deployment: Deployment }) {
  const { can } = useSession()
  const send = useMutation(streamsSendCreateMutation())
  const fits = useQuery(deploymentsStreamsOptions({ path: { id: String(deployment.id) }, query: { limit: SHOWN } }))
  const misfit = (row: Stream) => fits.data?.find((fit) => fit.stream === row.id)?.reason || undefined
  if (rows.length === 0) {
    return <Text size="sm">No streams yet. Send new data to create the first one.</Text>
  }
  return (
    <Stack gap="xs">
      <ProblemAlert error={send.error} title="The stream was not sent" />
      <ProblemAlert error={fits.error} onRetry={() => void fits.refetch()} />
      <Dimmed>Nothing is copied: the deployment reads the same records again, as long as Kafka keeps them.</Dimmed>
      <RowTable
        label="Announced streams"
        minWidth={640}
        highlightOnHover
        withTableBorder={false}
        rows={rows}
        rowKey={(row) => row.id}
        columns={[
          {
            title: 'Stream',
            cell: (row) => <StreamLink id={row.id}>Stream {row.id}</StreamLink>,
          },
          {
            title: 'Description',
            cell: (row) => (
              <>
                <Text size="sm" inherit {...(misfit(row) ? { c: 'dimmed' } : {})}>
                  {row.description || row.topic.split(':')[0]}
                </Text>
                {misfit(row) && <SmallPrint>{misfit(row)}.</SmallPrint>}
              </>
            ),
            td: { style: { overflowWrap: 'anywhere' } },
          },
          { title: 'Format', cell: (row) => row.input_format },
          {
            title: 'Records',
            right: true,
            cell: (row) => (row.total_msg === null ? 'no end' : formatCount(row.total_msg)),
          },
          {
            title: 'Validation, test',
            right: true,
            cell: (row) => (
              <>
                {formatPercent(row.validation_rate)}, {formatPercent(row.test_rate)}
              </>
            ),
          },
          { title: 'Age', cell: (row) => <Age at={row.registered_at} size="sm" /> },
          {
            title: <VisuallyHidden>Action</VisuallyHidden>,
            cell: (row) =>
              can('editor') && (
                <Button
                  size="compact-xs"
                  variant="default"
                  disabled={!fits.data || misfit(row) !== undefined}
                  title={misfit(row)}
                  loading={send.isPending && send.variables.path.id === String(row.id)}
                  aria-label={`Train on stream ${row.id}`}
                  onClick={() =>
                    send.mutate(
                      { path: { id: String(row.id) }, body: { deployment: deployment.id } },
                      { onSuccess: () => notifyDone(`Stream ${row.id} announced to deployment ${deployment.id}`) },
                    )
                  }
                >
                  Train
                </Button>
              ),
            right: true,
          },
        ]}
      />
    </Stack>
  )
}

/**
 * The shape of samples and the number of classes of the first model, or of the lowest sub-model of a chain. Sizes that
 * the model leaves open are 1.
 */
export function shapeOf(models: readonly ModelOf[]): { sampleShape: number[]; classes: number } {
  const model = unitsOf(models)
    .map(([lowest]) => lowest)
    .find((choice) => choice.inputs.length > 0)
  // The last output of a sub-model is its exit. Its first output goes up the chain.
  const last = model?.outputs.at(model.distributed ? -1 : 0)?.shape.at(-1)
  return {
    sampleShape: (model?.inputs[0]?.shape ?? [null, 8, 8]).slice(1).map((size) => size ?? 1),
    // A single output is a number or one class against another; labels are numbers in both cases.
    classes: typeof last === 'number' && last > 1 ? last : 0,
  }
}

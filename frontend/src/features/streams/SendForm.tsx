/** Announces a stream to another deployment, chosen here, after saying what will happen. */

import { Stack, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { ButtonLink } from '~/components/ButtonLink'
import { CopyAs } from '~/components/CopyAs'
import { DeploymentSelect } from '~/components/DeploymentSelect'
import { FormDialog } from '~/components/FormDialog'
import { ProblemAlert } from '~/components/ProblemAlert'
import { type Deployment, deploymentsListOptions, type Stream, streamsSendCreate } from '~/lib/api'
import { curlCall, pythonCall } from '~/lib/equivalents'
import { formatCount, plural } from '~/lib/format'
import { sharesOf } from '~/lib/ranges'

const MOST = 200

export function SendForm({ stream, onClose }: { stream: Stream; onClose: () => void }) {
  const [chosen, setChosen] = useState<string | null>(null)
  const deployments = useQuery(deploymentsListOptions({ query: { limit: MOST } }))
  const rows = deployments.data?.results ?? []
  const deployment = rows.find((row) => String(row.id) === chosen)
  const path = { id: String(stream.id) }
  const body = { deployment: Number(chosen ?? 0) }
  return (
    <FormDialog
      title="Send the stream to another deployment"
      submit="Send"
      size="lg"
      disabled={!deployment || waitingOf(deployment) === 0}
      onClose={onClose}
      onSave={async () => {
        await streamsSendCreate({ path, body, throwOnError: true })
        return `Stream ${stream.id} announced to deployment ${chosen}`
      }}
      aside={
        <CopyAs
          equivalents={{
            cli: `kafka-ml streams send ${stream.id} --deployment ${chosen ?? 'N'}`,
            python: pythonCall(`client.streams.send`, { identifier: stream.id, ...body }),
            curl: curlCall('POST', `/api/streams/${stream.id}/send/`, body),
          }}
        />
      }
    >
      <ProblemAlert error={deployments.error} />
      {deployments.data && rows.length === 0 ? (
        <Stack gap="sm" align="flex-start">
          <Text size="sm">No deployment can train on it yet.</Text>
          <ButtonLink to="/training/new">Deploy for training</ButtonLink>
        </Stack>
      ) : (
        <DeploymentSelect rows={rows} value={chosen} onChange={setChosen} />
      )}
      <Text size="sm">{sentence(stream, deployment)}</Text>
    </FormDialog>
  )
}

/** How many of the deployment's models wait for a stream. Without one, no stream can be sent to it. */
export function waitingOf({ results }: Pick<Deployment, 'results'>): number {
  return results.filter(
    (deployment) => (deployment.state === 'waiting' || deployment.state === 'created') && deployment.stream === null,
  ).length
}

/** Says what sending will do. */
export function sentence(
  stream: Pick<Stream, 'total_msg' | 'validation_rate' | 'test_rate'>,
  deployment: Pick<Deployment, 'id' | 'results'> | undefined,
): string {
  if (!deployment) return 'No record is copied: the deployment reads the same offsets.'
  const waiting = waitingOf(deployment)
  const amount = stream.total_msg === null ? 'a stream with no end' : `${formatCount(stream.total_msg)} samples`
  const shares = sharesOf(stream.validation_rate, stream.test_rate).join('/')
  if (waiting === 0)
    return `It cannot be sent to deployment ${deployment.id}: none of its models is waiting for data. Choose another deployment, or train a new one on it. To train a model again on this stream, open its result.`
  return `${plural(waiting, 'model')} of deployment ${deployment.id} will train on ${amount}, split ${shares}. No record is copied: the same offsets are read again.`
}

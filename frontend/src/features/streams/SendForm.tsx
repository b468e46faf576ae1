/** Announces a stream to another deployment: which one, and what will happen. */

import { Button, Group, Modal, Stack, Text } from '@mantine/core'
import { useMutation, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { ButtonLink } from '~/components/ButtonLink'
import { CopyAs } from '~/components/CopyAs'
import { DeploymentSelect } from '~/components/DeploymentSelect'
import { ProblemAlert } from '~/components/ProblemAlert'
import { type Deployment, deploymentsListOptions, type Stream, streamsSendCreateMutation } from '~/lib/api'
import { curlCall, pythonCall } from '~/lib/equivalents'
import { formatCount, plural } from '~/lib/format'
import { notifyDone } from '~/lib/notify'
import { sharesOf } from '~/lib/ranges'

const MOST = 200

export function SendForm({ stream, opened, onClose }: { stream: Stream; opened: boolean; onClose: () => void }) {
  return (
    <Modal opened={opened} onClose={onClose} size="lg" title="Send the stream to another deployment">
      <Form stream={stream} onClose={onClose} />
    </Modal>
  )
}

function Form({ stream, onClose }: { stream: Stream; onClose: () => void }) {
  const [chosen, setChosen] = useState<string | null>(null)
  const deployments = useQuery(deploymentsListOptions({ query: { limit: MOST } }))
  const send = useMutation({
    ...streamsSendCreateMutation(),
    onSuccess: () => {
      notifyDone(`Stream ${stream.id} is announced to deployment ${chosen}`)
      onClose()
    },
  })
  const rows = deployments.data?.results ?? []
  const deployment = rows.find((each) => String(each.id) === chosen)
  if (deployments.data && rows.length === 0)
    return (
      <Stack gap="sm" align="flex-start">
        <Text size="sm">There is no deployment yet that could train on it.</Text>
        <ButtonLink to="/training/new">Deploy for training</ButtonLink>
      </Stack>
    )
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        if (deployment) send.mutate({ path: { id: String(stream.id) }, body: { deployment: deployment.id } })
      }}
    >
      <Stack gap="md">
        <DeploymentSelect rows={rows} value={chosen} onChange={setChosen} />
        <Text size="sm">{sentence(stream, deployment)}</Text>
        <ProblemAlert error={deployments.error ?? send.error} title="The stream was not sent" />
        <Group justify="space-between">
          <CopyAs
            equivalents={{
              cli: `kafka-ml streams send ${stream.id} --deployment ${chosen ?? 'N'}`,
              python: pythonCall(`client.streams.send`, { identifier: stream.id, deployment: Number(chosen ?? 0) }),
              curl: curlCall('POST', `/api/streams/${stream.id}/send/`, { deployment: Number(chosen ?? 0) }),
            }}
          />
          <Group gap="xs">
            <Button variant="default" size="xs" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" size="xs" disabled={!deployment} loading={send.isPending}>
              Send
            </Button>
          </Group>
        </Group>
      </Stack>
    </form>
  )
}

/** What sending will do, before it is done. */
export function sentence(
  stream: Pick<Stream, 'total_msg' | 'validation_rate' | 'test_rate'>,
  deployment: Pick<Deployment, 'id' | 'results'> | undefined,
): string {
  if (!deployment) return 'No record is copied: the deployment will read the same offsets.'
  const waiting = deployment.results.filter((each) => each.state === 'waiting' || each.state === 'created').length
  const amount = stream.total_msg === null ? 'a stream without end' : `${formatCount(stream.total_msg)} samples`
  const shares = sharesOf(stream.validation_rate, stream.test_rate).join('/')
  if (waiting === 0)
    return `None of deployment ${deployment.id}'s trainings waits for a stream, so none will begin; each can be trained again on this stream from its result's page.`
  return `${plural(waiting, 'model')} of deployment ${deployment.id} will train on ${amount}, divided ${shares}. No record is copied: the same offsets are read again.`
}

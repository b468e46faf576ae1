/** Stops an inference. A serving one asks for confirmation, because its records wait from then on. */
import { Button } from '@mantine/core'
import { IconPlayerStop } from '@tabler/icons-react'
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { ConfirmDelete } from '~/components/ConfirmDelete'
import { ProblemAlert } from '~/components/ProblemAlert'
import { type Inference, inferencesStopCreateMutation } from '~/lib/api'

export function StopButton({
  inference,
  onStopped,
}: {
  inference: Pick<Inference, 'id' | 'state' | 'desired' | 'input_topic'>
  onStopped: () => unknown
}) {
  const [asking, setAsking] = useState(false)
  const stop = useMutation({ ...inferencesStopCreateMutation(), onSuccess: onStopped })
  const path = { id: String(inference.id) }
  return (
    <>
      <Button
        size="xs"
        variant="default"
        leftSection={<IconPlayerStop size={14} aria-hidden />}
        loading={stop.isPending || inference.desired === 'stopped'}
        onClick={() => (inference.state === 'running' ? setAsking(true) : stop.mutate({ path }))}
      >
        Stop
      </Button>
      <ConfirmDelete
        verb="Stop"
        keep="Keep it running"
        heading="What happens"
        opened={asking}
        onClose={() => setAsking(false)}
        what="inference"
        name={String(inference.id)}
        losses={[
          `New records of ${inference.input_topic} are no longer answered. They wait until it is started again, for as ` +
            'long as the topic keeps them.',
        ]}
        onDelete={async () => void (await stop.mutateAsync({ path }))}
      />
      {!asking && <ProblemAlert error={stop.error} />}
    </>
  )
}

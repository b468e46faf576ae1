/** Ends running work. It asks once and says what happens; work that has not begun ends at once. */
import { Button } from '@mantine/core'
import { IconPlayerStop } from '@tabler/icons-react'
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { ConfirmDelete } from './ConfirmDelete'
import { ProblemAlert } from './ProblemAlert'

export function StopButton({
  what,
  name,
  happens,
  begun,
  ending = false,
  stop,
}: {
  /** The kind of the work: 'inference', 'deployment', ... */
  what: string
  name: string
  /** What stops and what stays, one line each. */
  happens: readonly string[]
  /** Whether the work has begun, so that something is lost. */
  begun: boolean
  /** Whether it has been asked to stop and has not ended yet. */
  ending?: boolean
  stop: () => Promise<unknown>
}) {
  const [asking, setAsking] = useState(false)
  const end = useMutation({ mutationFn: stop })
  return (
    <>
      <Button
        size="xs"
        variant="default"
        leftSection={<IconPlayerStop size={14} aria-hidden />}
        loading={end.isPending}
        disabled={ending}
        onClick={() => (begun ? setAsking(true) : end.mutate())}
      >
        {ending ? 'Stopping…' : 'Stop'}
      </Button>
      <ConfirmDelete
        verb="Stop"
        keep="Keep it running"
        heading="What happens"
        opened={asking}
        onClose={() => setAsking(false)}
        what={what}
        name={name}
        losses={happens}
        onDelete={async () => void (await end.mutateAsync())}
      />
      {!asking && <ProblemAlert error={end.error} title="It was not stopped" />}
    </>
  )
}

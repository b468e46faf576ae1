/** The log of one replica, live and after its process is gone. */

import { SegmentedControl, Select, Stack } from '@mantine/core'
import { LogViewer, type ReadLog } from '~/components/LogViewer'
import { type Inference, inferencesLogsRetrieve } from '~/lib/api'
import { hasEnded } from '~/lib/runs'

export function InferenceLogs({
  inference,
  replica,
  onReplica,
}: {
  inference: Inference
  replica: number
  onReplica: (replica: number) => void
}) {
  const { id, attempt } = inference
  const read: ReadLog = async (offset, signal) => {
    const path = { id: String(id) }
    return (await inferencesLogsRetrieve({ path, query: { replica, offset }, signal, throwOnError: true })).data
  }
  const replicas = Array.from({ length: Math.max(inference.current_replicas, replica + 1) }, (_, index) => ({
    value: String(index),
    label: `Replica ${index}`,
  }))
  return (
    <Stack gap="xs">
      {replicas.length > 6 ? (
        <Select
          size="xs"
          w={160}
          aria-label="Replica"
          data={replicas}
          value={String(replica)}
          onChange={(value) => onReplica(Number(value ?? 0))}
        />
      ) : (
        replicas.length > 1 && (
          <SegmentedControl
            style={{ alignSelf: 'flex-start' }}
            aria-label="Replica"
            data={replicas}
            value={String(replica)}
            onChange={(value) => onReplica(Number(value))}
          />
        )
      )}
      <LogViewer
        read={read}
        source={`inference-${id}-attempt-${attempt}-replica-${replica}`}
        name={`inference-${id}-replica-${replica}`}
        live={!hasEnded(inference)}
        empty="The replica has written nothing yet."
      />
    </Stack>
  )
}

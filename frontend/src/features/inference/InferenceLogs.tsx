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
  const workers = inference.replica_stats.filter((report) => report.worker !== '')
  const elsewhere = workers.some((worker) => worker.replica === replica)
  const launched = Math.max(inference.current_replicas, elsewhere || inference.replicas === 0 ? 0 : replica + 1)
  const replicas = [
    ...Array.from({ length: launched }, (_, index) => ({ value: String(index), label: `Replica ${index}` })),
    ...workers.map((worker) => ({ value: String(worker.replica), label: worker.worker })),
  ]
  const first = replicas[0]?.value
  const chosen = replicas.some((option) => option.value === String(replica)) ? replica : Number(first ?? 0)
  const { id, attempt } = inference
  const read: ReadLog = async (offset, signal) => {
    const path = { id: String(id) }
    return (await inferencesLogsRetrieve({ path, query: { replica: chosen, offset }, signal, throwOnError: true })).data
  }
  return (
    <Stack gap="xs">
      {replicas.length > 6 ? (
        <Select
          size="xs"
          w={160}
          aria-label="Replica"
          data={replicas}
          value={String(chosen)}
          onChange={(value) => onReplica(Number(value ?? 0))}
        />
      ) : (
        replicas.length > 1 && (
          <SegmentedControl
            style={{ alignSelf: 'flex-start' }}
            aria-label="Replica"
            data={replicas}
            value={String(chosen)}
            onChange={(value) => onReplica(Number(value))}
          />
        )
      )}
      <LogViewer
        read={read}
        source={`inference-${id}-attempt-${attempt}-replica-${chosen}`}
        name={`inference-${id}-replica-${chosen}`}
        live={!hasEnded(inference)}
        empty="The replica has not logged anything yet."
      />
    </Stack>
  )
}

/** The progress of a training run: a bar over all epochs, and words. */
import { Progress, Stack, Text } from '@mantine/core'
import { SmallPrint } from '~/components/Dimmed'
import type { ResultRow } from '~/lib/api'
import { NONE, plural } from '~/lib/format'
import { remainingText } from '~/lib/runs'
import { progressOf } from './metrics'

export function RunProgress({ row }: { row: Pick<ResultRow, 'state' | 'progress' | 'metrics' | 'model_name'> }) {
  const view = progressOf(row)
  if (row.state === 'finished') return <Text size="xs">done{wholeOf(row)}</Text>
  if (!view || row.state === 'waiting' || row.state === 'created') {
    return <SmallPrint>{NONE}</SmallPrint>
  }
  const remaining = remainingText(row.progress)
  if (row.state !== 'running') {
    return <Text size="xs">{row.progress?.epoch === 0 ? 'before the first epoch' : `until ${view.text}`}</Text>
  }
  return (
    <Stack gap={2} miw={140}>
      {view.percent !== null && (
        <Progress.Root size="sm" transitionDuration={150}>
          <Progress.Section value={view.percent} aria-label={`Progress of ${row.model_name}: ${view.text}`} />
        </Progress.Root>
      )}
      <Text size="xs">{view.text}</Text>
      {remaining && <SmallPrint>{remaining}</SmallPrint>}
    </Stack>
  )
}

/**
 * The epochs as text: ', 10 epochs', or ', 7 of 10 epochs' after an early stop. A quick run ends before it reports
 * progress.
 */
function wholeOf({ progress, metrics }: Pick<ResultRow, 'progress' | 'metrics'>): string {
  if (metrics === null) return ''
  if (metrics.window) return `, ${plural(metrics.epoch, 'window')}`
  if (progress && metrics.epoch < progress.epochs) return `, ${metrics.epoch} of ${plural(progress.epochs, 'epoch')}`
  return `, ${plural(metrics.epoch, 'epoch')}`
}

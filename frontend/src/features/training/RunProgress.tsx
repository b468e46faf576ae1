/** How far a training run is: a bar over all epochs and the words for it. */
import { Progress, Stack, Text } from '@mantine/core'
import { SmallPrint } from '~/components/Dimmed'
import type { Progress as ProgressDocument, StateEnum } from '~/lib/api'
import { NONE, plural } from '~/lib/format'
import { progressOf } from './metrics'

export function RunProgress({
  state,
  progress,
  label,
}: {
  state: StateEnum
  progress: ProgressDocument | null
  /** Whose progress it is, for those who do not see the row. */
  label: string
}) {
  const view = progressOf(progress)
  if (state === 'finished') return <Text size="xs">done{progress ? `, ${wholeOf(progress)}` : ''}</Text>
  if (!view || state === 'waiting' || state === 'created') {
    return <SmallPrint>{NONE}</SmallPrint>
  }
  if (state !== 'running') return <Text size="xs">until {view.text}</Text>
  return (
    <Stack gap={2} miw={140}>
      {view.percent !== null && (
        <Progress.Root size="sm" transitionDuration={150}>
          <Progress.Section value={view.percent} aria-label={`Progress of ${label}: ${view.text}`} />
        </Progress.Root>
      )}
      <Text size="xs" style={{ whiteSpace: 'nowrap' }}>
        {view.text}
      </Text>
    </Stack>
  )
}

function wholeOf({ epoch, epochs }: ProgressDocument): string {
  return epochs > 0 ? plural(epochs, 'epoch') : plural(epoch, 'window')
}

/** Whether the page updates automatically, how old its data are, and the switch that pauses it. */
import { Button, Text, Tooltip } from '@mantine/core'
import { IconCircleFilled, IconPlayerPause, IconPlayerPlay, IconPlugConnectedX } from '@tabler/icons-react'
import { formatAge, formatClock } from '~/lib/format'
import { type LiveState, useLive } from '~/lib/live'
import { useNow } from './Age'

const WORDS: Record<LiveState, string> = {
  connecting: 'connecting',
  live: 'live',
  paused: 'paused',
  lost: 'reconnecting',
}

export function LiveMark() {
  const { state, lastEventAt, asOf, paused, setPaused } = useLive()
  const now = useNow()
  const tone = { live: 'good', paused: 'waiting', lost: 'failed', connecting: 'idle' }[state]
  const Icon = state === 'live' ? IconCircleFilled : state === 'paused' ? IconPlayerPause : IconPlugConnectedX
  // A page that is not live shows the time that its data are of.
  const time = asOf === null || state === 'connecting' ? null : `as of ${formatClock(asOf)}`
  const age = lastEventAt === null ? 'no update yet' : `last change ${formatAge(new Date(lastEventAt), now)}`
  return (
    <Tooltip label={`${age}. ${paused ? 'Click to resume' : 'Click to pause updates'}`}>
      <Button
        size="compact-sm"
        variant="subtle"
        color="gray"
        aria-pressed={paused}
        aria-label={[WORDS[state], time].filter(Boolean).join(', ')}
        onClick={() => setPaused(!paused)}
        leftSection={<Icon size={state === 'live' ? 10 : 14} aria-hidden style={{ color: `var(--kml-${tone})` }} />}
        rightSection={paused ? <IconPlayerPlay size={14} aria-hidden /> : null}
      >
        <Text size="sm" visibleFrom="xs" style={{ color: `var(--kml-${tone})` }}>
          {WORDS[state]}
          {time && '\u2002'}
        </Text>
        {time && (
          <Text size="sm" style={{ color: `var(--kml-${tone})` }}>
            {time}
          </Text>
        )}
      </Button>
    </Tooltip>
  )
}

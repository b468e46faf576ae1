/** A state as word, icon and colour: never colour alone. */
import { Badge, Tooltip } from '@mantine/core'
import {
  IconAlertOctagon,
  IconAlertTriangle,
  IconCircleCheck,
  IconCircleDashed,
  IconCircleX,
  IconHourglass,
  IconPlayerPlay,
  IconPlayerStop,
} from '@tabler/icons-react'
import type { ComponentType } from 'react'

interface Look {
  icon: ComponentType<{ size?: number; 'aria-hidden'?: boolean }>
  tone: 'waiting' | 'running' | 'good' | 'failed' | 'idle'
  explanation?: string
}

const LOOKS: Record<string, Look> = {
  created: { icon: IconCircleDashed, tone: 'idle', explanation: 'About to start' },
  waiting: {
    icon: IconHourglass,
    tone: 'waiting',
    explanation: 'Waiting for data: no stream has been announced to it yet',
  },
  starting: { icon: IconHourglass, tone: 'waiting' },
  running: { icon: IconPlayerPlay, tone: 'running' },
  ready: { icon: IconCircleCheck, tone: 'good' },
  finished: { icon: IconCircleCheck, tone: 'good' },
  failed: { icon: IconCircleX, tone: 'failed' },
  failing: { icon: IconAlertOctagon, tone: 'failed' },
  crashed: { icon: IconCircleX, tone: 'failed' },
  silent: { icon: IconAlertTriangle, tone: 'failed' },
  stopped: { icon: IconPlayerStop, tone: 'idle' },
  warning: { icon: IconAlertTriangle, tone: 'waiting' },
}
const UNKNOWN: Look = { icon: IconCircleDashed, tone: 'idle' }

/** The colour of a state, as a CSS value. */
export function stateColor(state: string): string {
  return `var(--kml-${(LOOKS[state] ?? UNKNOWN).tone})`
}

/** The icon of a state alone, where the word stands elsewhere. */
export function StateIcon({ state, size = 14 }: { state: string; size?: number }) {
  const { icon: Icon } = LOOKS[state] ?? UNKNOWN
  return <Icon size={size} aria-hidden />
}

export function StatusBadge({
  state,
  label,
  tooltip,
}: {
  state: string
  label?: string
  tooltip?: string | undefined
}) {
  const look = LOOKS[state] ?? UNKNOWN
  const explanation = tooltip ?? look.explanation
  const badge = (
    <Badge
      variant="outline"
      size="md"
      radius="sm"
      tt="none"
      fw={500}
      leftSection={<look.icon size={14} aria-hidden />}
      style={{ color: `var(--kml-${look.tone})`, borderColor: 'currentColor', minWidth: 'max-content' }}
    >
      {label ?? state}
    </Badge>
  )
  return explanation ? <Tooltip label={explanation}>{badge}</Tooltip> : badge
}

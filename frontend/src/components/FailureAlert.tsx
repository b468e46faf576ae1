/** Why a training run or an inference failed, as the platform recorded it. */
import { Alert, Code, Group, ScrollArea, Stack, Text } from '@mantine/core'
import { IconCircleX, IconHourglass } from '@tabler/icons-react'
import type { ReactNode } from 'react'
import type { Failure } from '~/lib/api'
import { CopyButton } from './CopyButton'

const WHAT: Record<string, string> = {
  user_code: "The model's code failed",
  arguments: 'The arguments were refused',
  data: 'The data could not be used',
  configuration: 'Something is missing on this platform',
  out_of_memory: 'Out of memory',
  time_limit: 'Time limit exceeded',
  broker: 'Kafka could not be reached',
  lost: 'The process was lost',
  internal: 'Platform error',
}

/** The headline of a failure. */
export function failureTitle(failure: Failure): string {
  return WHAT[failure.category] ?? failure.category
}

/** Whether a failure only keeps the present attempt from starting and may pass. */
export function isHeldUp(run: { state: string; failure: Failure | null; next_retry_at: string | null }): boolean {
  return ['waiting', 'running'].includes(run.state) && run.failure !== null && run.next_retry_at === null
}

export function FailureAlert({
  failure,
  of = '',
  actions,
  heldUp = false,
  serves = false,
}: {
  failure: Failure
  /** The name of what failed, for pages that show several. */
  of?: string
  actions?: ReactNode
  /** Whether the failure is only an obstacle; see ``isHeldUp``. */
  heldUp?: boolean
  /** Set when only some replicas are held up and the others serve. */
  serves?: boolean
}) {
  const place = failure.line ? `line ${failure.line} of the ${failure.source || 'code'}` : ''
  const text = [failureTitle(failure), failure.cause, failure.hint, failure.traceback_text].filter(Boolean).join('\n')
  return (
    <Alert
      role={heldUp ? 'status' : 'alert'}
      color={heldUp ? 'yellow' : 'red'}
      icon={heldUp ? <IconHourglass aria-hidden /> : <IconCircleX aria-hidden />}
      title={`${of && `${of}: `}${heldUp ? (serves ? 'Some replicas cannot run: ' : 'It cannot run yet: ') : ''}${[failureTitle(failure), place].filter(Boolean).join(', ')}`}
      styles={{ title: { overflowWrap: 'anywhere' } }}
    >
      <Stack gap="xs">
        <Text size="sm" style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>
          {failure.cause}
        </Text>
        {failure.hint && (
          <Text size="sm">
            <b>What to do:</b> {failure.hint}
          </Text>
        )}
        {failure.traceback_text && (
          <ScrollArea.Autosize mah={240} viewportProps={{ tabIndex: 0, 'aria-label': 'Traceback' }}>
            <Code block>{failure.traceback_text}</Code>
          </ScrollArea.Autosize>
        )}
        <Group gap="xs">
          <CopyButton text={text} label="Copy" />
          {actions}
        </Group>
      </Stack>
    </Alert>
  )
}

/** The executor's verdict on the code, next to the editor. */
import { Alert, Anchor, Box, Button, Code, Group, Skeleton, Stack, Text } from '@mantine/core'
import { IconCircleX } from '@tabler/icons-react'
import { useEffect, useState } from 'react'
import { CopyButton } from '~/components/CopyButton'
import { SmallPrint } from '~/components/Dimmed'
import { ProblemAlert } from '~/components/ProblemAlert'
import { StatusBadge } from '~/components/StatusBadge'
import type { VerdictError } from '~/lib/api'
import { formatSeconds } from '~/lib/format'
import { ReportView } from './ReportView'
import type { Checked } from './useVerdict'

/** Milliseconds within which most checks finish. Until then only a running state is shown. */
const SLOW_SECONDS = 2

export function VerdictPanel({
  checked,
  current,
  checking,
  began,
  problem,
  onCheck,
  onCancel,
  onLine,
}: {
  checked: Checked | null
  current: boolean
  checking: boolean
  /** When the running check began; null when none runs. */
  began: number | null
  problem: unknown
  onCheck: () => void
  onCancel: () => void
  onLine: (error: VerdictError) => void
}) {
  const seconds = useSecondsSince(began)
  const slow = seconds >= SLOW_SECONDS
  return (
    <Stack gap="sm" aria-live="polite" aria-busy={checking}>
      <Group gap="xs" mih={24}>
        {checking ? (
          <>
            <StatusBadge state="running" label="checking" />
            {slow && (
              <>
                {/* Screen readers do not read out the seconds. */}
                <SmallPrint aria-live="off">for {seconds} s</SmallPrint>
                <Button size="compact-xs" variant="default" onClick={onCancel}>
                  Cancel
                </Button>
              </>
            )}
          </>
        ) : checked === null ? null : !current ? (
          <StatusBadge state="waiting" label="changed since the check" tooltip="press Ctrl+Enter to check it again" />
        ) : checked.verdict.valid ? (
          <StatusBadge state="ready" label="valid" />
        ) : (
          <StatusBadge state="failed" label="not valid" />
        )}
        {checked?.seconds != null && !checking && <SmallPrint>checked in {formatSeconds(checked.seconds)}</SmallPrint>}
      </Group>
      <ProblemAlert error={problem} title="The code could not be checked" onRetry={onCheck} />
      {checked === null || slow ? (
        // A report on an earlier text says nothing about this one, so a placeholder replaces it.
        checking && <Skeleton height={160} />
      ) : (
        <Box style={{ opacity: checking ? 0.7 : 1 }}>
          {checked.verdict.report && <ReportView report={checked.verdict.report} />}
          {checked.verdict.error && <VerdictErrorAlert error={checked.verdict.error} onLine={onLine} />}
          {checked.verdict.output && (
            <Box mt="sm">
              <Text size="sm" fw={500}>
                Printed by the code
              </Text>
              <Code
                block
                tabIndex={0}
                aria-label="Printed by the code"
                style={{ maxHeight: 200, overflow: 'auto', whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}
              >
                {checked.verdict.output}
              </Code>
            </Box>
          )}
        </Box>
      )}
    </Stack>
  )
}

/** Whole seconds since a moment; 0 when it is null. */
function useSecondsSince(began: number | null): number {
  const [now, setNow] = useState(began ?? 0)
  useEffect(() => {
    if (began === null) return
    setNow(Date.now())
    const timer = setInterval(() => setNow(Date.now()), 500)
    return () => clearInterval(timer)
  }, [began])
  return began === null ? 0 : Math.max(0, Math.floor((now - began) / 1000))
}

function VerdictErrorAlert({ error, onLine }: { error: VerdictError; onLine: (error: VerdictError) => void }) {
  const place =
    error.line === null ? '' : `line ${error.line} of the ${error.source === 'imports' ? 'imports' : 'code'}`
  const text = [place, error.message, error.hint, error.traceback].filter(Boolean).join('\n')
  return (
    <Alert
      role="alert"
      color="red"
      icon={<IconCircleX aria-hidden />}
      title={WHAT[error.kind] ?? 'The code is not valid'}
      // A long traceback scrolls in its own box.
      styles={{ body: { minWidth: 0 }, message: { minWidth: 0 } }}
    >
      <Stack gap="xs">
        {error.line !== null && (
          <Anchor component="button" type="button" size="sm" ta="left" onClick={() => onLine(error)}>
            Go to {place}
          </Anchor>
        )}
        <Text size="sm" style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>
          {error.message}
        </Text>
        {error.hint && (
          <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
            <b>What to do:</b> {error.hint}
          </Text>
        )}
        {error.traceback && (
          <Code block tabIndex={0} aria-label="Traceback" style={{ maxHeight: 240, overflow: 'auto' }}>
            {error.traceback}
          </Code>
        )}
        <Group>
          <CopyButton text={text} label="Copy" />
        </Group>
      </Stack>
    </Alert>
  )
}

const WHAT: Record<string, string> = {
  syntax: 'Not valid Python',
  runtime: 'The code fails',
  missing: 'Something is missing',
  invalid: 'Unexpected value',
  cancelled: 'The check was cancelled',
  limit: 'The code takes too long or too much memory',
}

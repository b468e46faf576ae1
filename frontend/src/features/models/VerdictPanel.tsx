/** Beside the editor: what the executor says of the code, as soon as it knows. */
import { Alert, Anchor, Box, Code, Group, Skeleton, Stack, Text } from '@mantine/core'
import { IconCircleX } from '@tabler/icons-react'
import { CopyButton } from '~/components/CopyButton'
import { SmallPrint } from '~/components/Dimmed'
import { ProblemAlert } from '~/components/ProblemAlert'
import { StatusBadge } from '~/components/StatusBadge'
import type { VerdictError } from '~/lib/api'
import { formatSeconds } from '~/lib/format'
import { ReportView } from './ReportView'
import type { Checked } from './useVerdict'

export function VerdictPanel({
  checked,
  current,
  checking,
  problem,
  onCheck,
  onLine,
}: {
  checked: Checked | null
  current: boolean
  checking: boolean
  problem: unknown
  onCheck: () => void
  onLine: (error: VerdictError) => void
}) {
  return (
    <Stack gap="sm" aria-live="polite" aria-busy={checking}>
      <Group gap="xs" mih={24}>
        {checking ? (
          <StatusBadge state="running" label="checking" />
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
      {checked === null ? (
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
              <Code block tabIndex={0} aria-label="Printed by the code" style={{ maxHeight: 200, overflow: 'auto' }}>
                {checked.verdict.output}
              </Code>
            </Box>
          )}
        </Box>
      )}
    </Stack>
  )
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
  limit: 'The code takes too long or too much memory',
}

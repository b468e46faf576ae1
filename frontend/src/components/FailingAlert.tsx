/** Says why a running inference fails, since when, and what to do. */
import { Alert, Stack, Text } from '@mantine/core'
import { IconAlertOctagon } from '@tabler/icons-react'
import type { Failing, Inference } from '~/lib/api'
import { capital } from '~/lib/format'
import { Age } from './Age'
import { ButtonLink } from './ButtonLink'

const TITLES: Record<Failing['kind'], string> = {
  dead_letters: 'Failing: its records become dead letters',
  restarts: 'Failing: its replicas keep restarting',
  lag: 'Failing: it is falling behind',
}

const NEXT: Record<Failing['kind'], { label: string; tab: 'letters' | 'logs' } | null> = {
  dead_letters: { label: 'Show the dead letters', tab: 'letters' },
  restarts: { label: 'Open logs', tab: 'logs' },
  lag: null,
}

export function FailingAlert({ inference, failing }: { inference: Pick<Inference, 'id'>; failing: Failing }) {
  const next = NEXT[failing.kind]
  return (
    <Alert role="alert" color="red" icon={<IconAlertOctagon aria-hidden />} title={TITLES[failing.kind]}>
      <Stack gap="xs" align="flex-start">
        <Text size="sm" component="div" style={{ overflowWrap: 'anywhere' }}>
          {capital(failing.reason)} (began <Age at={failing.since} size="sm" display="inline" />)
        </Text>
        {failing.hint && (
          <Text size="sm">
            <b>What to do:</b> {failing.hint}
          </Text>
        )}
        {next && (
          <ButtonLink
            variant="default"
            to="/inference/$id"
            params={{ id: String(inference.id) }}
            search={{ tab: next.tab }}
          >
            {next.label}
          </ButtonLink>
        )}
      </Stack>
    </Alert>
  )
}

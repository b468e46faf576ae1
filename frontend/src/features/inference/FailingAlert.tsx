/** Why an inference fails though nothing has ended it, since when, and what to do. */
import { Alert, Stack, Text } from '@mantine/core'
import { IconAlertOctagon } from '@tabler/icons-react'
import { Age } from '~/components/Age'
import { ButtonLink } from '~/components/ButtonLink'
import type { Failing, Inference } from '~/lib/api'
import type { InferenceSearch } from './routes'

const TITLES: Record<Failing['kind'], string> = {
  dead_letters: 'Failing: its records become dead letters',
  restarts: 'Failing: its replicas keep restarting',
  lag: 'Failing: it is falling behind',
}

const NEXT: Record<Failing['kind'], { label: string; search: InferenceSearch } | null> = {
  dead_letters: { label: 'Show the dead letters', search: { tab: 'letters' } },
  restarts: { label: 'Open logs', search: { tab: 'logs' } },
  lag: null,
}

export function FailingAlert({ inference, failing }: { inference: Pick<Inference, 'id'>; failing: Failing }) {
  const next = NEXT[failing.kind]
  return (
    <Alert role="alert" color="red" icon={<IconAlertOctagon aria-hidden />} title={TITLES[failing.kind]}>
      <Stack gap="xs" align="flex-start">
        <Text size="sm" component="div" style={{ overflowWrap: 'anywhere' }}>
          {failing.reason} (since <Age at={failing.since} size="sm" display="inline" />)
        </Text>
        {failing.hint && (
          <Text size="sm">
            <b>What to do:</b> {failing.hint}
          </Text>
        )}
        {next && (
          <ButtonLink
            size="compact-sm"
            variant="default"
            to="/inference/$id"
            params={{ id: String(inference.id) }}
            search={next.search}
          >
            {next.label}
          </ButtonLink>
        )}
      </Stack>
    </Alert>
  )
}

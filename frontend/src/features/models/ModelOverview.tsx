/** What a model is: its description, its report and where it stands in a chain. */
import { Divider, Group, Stack, Text } from '@mantine/core'
import { ModelLink } from '~/components/ButtonLink'
import { Dimmed } from '~/components/Dimmed'
import type { Model, ModelRow } from '~/lib/api'
import { chainsOf } from '~/lib/chains'
import { ReportView } from './ReportView'

export function ModelOverview({ model, parts }: { model: Model; parts: readonly ModelRow[] }) {
  const chain = chainsOf(parts).find((each) => each.some(({ id }) => id === model.id))
  return (
    <Stack gap="md" maw={880}>
      {model.description && (
        <Text size="sm" style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>
          {model.description}
        </Text>
      )}
      {chain && chain.length > 1 && (
        <Group gap={6} role="group" aria-label="Chain of parts, from the edge to the cloud">
          <Dimmed>Chain</Dimmed>
          {chain.map((each, index) => (
            <Group key={each.id} gap={6}>
              {index > 0 && <Text size="sm">→</Text>}
              {each.id === model.id ? (
                <Text size="sm" fw={600} aria-current>
                  {each.name}
                </Text>
              ) : (
                <ModelLink id={each.id}>{each.name}</ModelLink>
              )}
            </Group>
          ))}
        </Group>
      )}
      {(model.description || (chain && chain.length > 1)) && <Divider />}
      <ReportView report={model.report} />
    </Stack>
  )
}

/** A model's name, or a chain's: edge → cloud. */
import { Group, Text } from '@mantine/core'
import { AnchorLink } from '~/components/ButtonLink'
import type { Unit } from './units'

export function UnitLabel({ unit }: { unit: Unit }) {
  return (
    <Group gap={6} component="span" display="inline-flex">
      {unit.map((each, index) => (
        <Group key={each.id} gap={6} component="span" display="inline-flex">
          {index > 0 && (
            <Text span size="sm" c="dimmed">
              →
            </Text>
          )}
          <AnchorLink size="sm" to="/models/$id" params={{ id: String(each.id) }} style={{ overflowWrap: 'anywhere' }}>
            {each.name}
          </AnchorLink>
        </Group>
      ))}
    </Group>
  )
}

/** A model's name, or a chain's: edge → cloud. */
import { Group, Text } from '@mantine/core'
import { ObjectLink } from '~/components/ButtonLink'
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
          <ObjectLink to="/models/$id" id={each.id} style={{ overflowWrap: 'anywhere' }}>
            {each.name}
          </ObjectLink>
        </Group>
      ))}
    </Group>
  )
}

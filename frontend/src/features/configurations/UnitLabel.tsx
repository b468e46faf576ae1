/** A model's name, or a chain's: edge → cloud. */
import { Group } from '@mantine/core'
import { ModelLink } from '~/components/ButtonLink'
import { Dimmed } from '~/components/Dimmed'
import type { Unit } from './units'

export function UnitLabel({ unit }: { unit: Unit }) {
  return (
    <Group gap={6} component="span" display="inline-flex">
      {unit.map((each, index) => (
        <Group key={each.id} gap={6} component="span" display="inline-flex">
          {index > 0 && <Dimmed span>→</Dimmed>}
          <ModelLink id={each.id} style={{ overflowWrap: 'anywhere' }}>
            {each.name}
          </ModelLink>
        </Group>
      ))}
    </Group>
  )
}

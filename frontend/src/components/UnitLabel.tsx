/** A model's name, or a chain's: edge → cloud. */
import { Group } from '@mantine/core'
import type { Unit } from '~/lib/units'
import { ModelLink } from './ButtonLink'
import { Dimmed } from './Dimmed'

export function UnitLabel({ unit }: { unit: Unit }) {
  return (
    <Group gap={6} component="span" display="inline-flex">
      {unit.map((choice, index) => (
        <Group key={choice.id} gap={6} component="span" display="inline-flex">
          {index > 0 && <Dimmed span>→</Dimmed>}
          <ModelLink id={choice.id}>{choice.name}</ModelLink>
        </Group>
      ))}
    </Group>
  )
}

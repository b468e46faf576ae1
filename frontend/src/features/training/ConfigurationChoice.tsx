/** Chooses the configuration to deploy, and lists its models. */

import { Group, Select, Stack } from '@mantine/core'
import { SmallPrint } from '~/components/Dimmed'
import { FrameworkTitle } from '~/components/FrameworkMark'
import { UnitLabel } from '~/components/UnitLabel'
import type { Configuration } from '~/lib/api'
import { unitsOf } from '~/lib/units'

export function ConfigurationChoice({
  rows,
  chosen,
  value,
  onChange,
}: {
  rows: readonly Configuration[]
  chosen: Configuration | undefined
  value: number | undefined
  onChange: (id: number | undefined) => void
}) {
  // The address may name a configuration beyond the end of the list.
  const known = chosen && !rows.some((row) => row.id === chosen.id) ? [chosen, ...rows] : rows
  return (
    <Stack gap={6}>
      <Select
        label="Configuration"
        placeholder="Choose a configuration"
        searchable
        required
        nothingFoundMessage="No matching configuration"
        data={known.map((row) => ({ value: String(row.id), label: row.name }))}
        value={value === undefined ? null : String(value)}
        onChange={(next) => onChange(next ? Number(next) : undefined)}
      />
      {chosen && (
        <Group gap="md">
          {unitsOf(chosen.model_details).map((unit) => (
            <Group key={unit[0].id} gap={6}>
              <UnitLabel unit={unit} />
              <SmallPrint>
                <FrameworkTitle framework={unit[0].framework} />
                {unit.length > 1 ? ', distributed' : ''}
              </SmallPrint>
            </Group>
          ))}
        </Group>
      )}
    </Stack>
  )
}

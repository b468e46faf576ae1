/** Chooses the scores, metrics and parameters that the table of runs shows as columns; kept in the address. */
import { Button, Checkbox, Popover, Stack, Text } from '@mantine/core'
import { IconTableColumn } from '@tabler/icons-react'
import type { ResultRow } from '~/lib/api'
import { choices, columnTitle, KIND_TITLES, MOST_VALUES } from './runValues'

export function ValueMenu({
  rows,
  chosen,
  onChoose,
}: {
  rows: readonly ResultRow[]
  chosen: readonly string[]
  onChoose: (columns: string[]) => void
}) {
  return (
    <Popover position="bottom-start" withArrow trapFocus>
      <Popover.Target>
        <Button size="xs" variant="default" leftSection={<IconTableColumn size={14} aria-hidden />}>
          Metrics and parameters
        </Button>
      </Popover.Target>
      <Popover.Dropdown mah={420} style={{ overflowY: 'auto' }}>
        <Stack gap="md">
          {choices(rows, chosen).map(({ kind, columns }) => (
            <Stack key={kind} gap={6} role="group" aria-label={KIND_TITLES[kind]}>
              <Text size="xs" fw={600}>
                {KIND_TITLES[kind]}
              </Text>
              {columns.map((column) => (
                <Checkbox
                  key={column}
                  size="xs"
                  label={columnTitle(column)}
                  checked={chosen.includes(column)}
                  disabled={!chosen.includes(column) && chosen.length >= MOST_VALUES}
                  onChange={(event) =>
                    onChoose(
                      event.currentTarget.checked ? [...chosen, column] : chosen.filter((shown) => shown !== column),
                    )
                  }
                />
              ))}
            </Stack>
          ))}
        </Stack>
      </Popover.Dropdown>
    </Popover>
  )
}

/**
 * Lets the reader choose the columns of a list; the choice is kept in this browser. Columns with toggleable: false
 * always stay.
 */
import { ActionIcon, Checkbox, Popover, Stack, Tooltip } from '@mantine/core'
import { useLocalStorage } from '@mantine/hooks'
import { IconColumns3 } from '@tabler/icons-react'
import type { DataTableColumn } from 'mantine-datatable'

interface Choosable {
  name: string
  title: string
}

export interface ColumnChoice<Row> {
  /** The columns that the table shows. */
  shown: DataTableColumn<Row>[]
  choosable: Choosable[]
  hidden: readonly string[]
  setHidden: (hidden: string[]) => void
}

export function useColumnChoice<Row>(storeKey: string, columns: DataTableColumn<Row>[]): ColumnChoice<Row> {
  const [hidden, setHidden] = useLocalStorage<string[]>({ key: `kml-hidden-columns-${storeKey}`, defaultValue: [] })
  // A stored value that is not a list hides no column.
  const known = Array.isArray(hidden) ? hidden : []
  const choosable = columns.flatMap((column) =>
    column.toggleable !== false && typeof column.title === 'string' && column.title !== ''
      ? [{ name: String(column.accessor), title: column.title }]
      : [],
  )
  const isHidden = (column: DataTableColumn<Row>) =>
    known.includes(String(column.accessor)) && choosable.some((choice) => choice.name === column.accessor)
  // The table's own switches in its header are buttons inside buttons, so this menu takes their place.
  const shown = columns.map((column) => ({ ...column, toggleable: false, hidden: column.hidden || isHidden(column) }))
  return { shown, choosable, hidden: known, setHidden }
}

export function ColumnMenu<Row>({ choice }: { choice: ColumnChoice<Row> }) {
  const { choosable, hidden, setHidden } = choice
  if (choosable.length < 2) return null
  return (
    <Popover position="bottom-end" withArrow trapFocus>
      <Popover.Target>
        <Tooltip label="Columns">
          <ActionIcon variant="default" aria-label="Choose columns">
            <IconColumns3 size={16} aria-hidden />
          </ActionIcon>
        </Tooltip>
      </Popover.Target>
      <Popover.Dropdown>
        <Stack gap="xs" role="group" aria-label="Columns">
          {choosable.map(({ name, title }) => (
            <Checkbox
              key={name}
              size="xs"
              label={title}
              checked={!hidden.includes(name)}
              onChange={(event) =>
                setHidden(
                  event.currentTarget.checked ? hidden.filter((hiddenName) => hiddenName !== name) : [...hidden, name],
                )
              }
            />
          ))}
        </Stack>
      </Popover.Dropdown>
    </Popover>
  )
}

/** Named views of the table of runs: show one, save one, delete one. */
import { ActionIcon, Button, Group, Popover, Stack, Text, TextInput, UnstyledButton } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { IconBookmark, IconTrash } from '@tabler/icons-react'
import { useState } from 'react'
import { SmallPrint } from '~/components/Dimmed'
import type { TrainingSearch } from './routes'
import { isSame, MOST_VIEWS, searchOf, useViews, viewOf, withView } from './views'

export function ViewMenu({
  search,
  onSearch,
}: {
  search: TrainingSearch
  onSearch: (change: Partial<TrainingSearch>) => void
}) {
  const [views, setViews] = useViews()
  const [opened, { toggle, close }] = useDisclosure()
  const [name, setName] = useState('')
  const present = viewOf(search)
  const shown = views.find((view) => isSame(view.view, present))
  const replaces = views.some((view) => view.name === name.trim())
  const full = views.length >= MOST_VIEWS && !replaces
  return (
    <Popover position="bottom-start" withArrow trapFocus opened={opened} onChange={close}>
      <Popover.Target>
        <Button size="xs" variant="default" leftSection={<IconBookmark size={14} aria-hidden />} onClick={toggle}>
          {shown ? `View: ${shown.name}` : 'Views'}
        </Button>
      </Popover.Target>
      <Popover.Dropdown mah={420} style={{ overflowY: 'auto' }}>
        <Stack gap="sm" w={260}>
          {views.length > 0 && (
            <Stack gap={4} component="ul" m={0} p={0} style={{ listStyle: 'none' }}>
              {views.map((view) => (
                <Group key={view.name} component="li" gap={4} wrap="nowrap" justify="space-between">
                  <UnstyledButton
                    aria-current={view === shown ? 'true' : undefined}
                    style={{ overflowWrap: 'anywhere', flex: 1, minHeight: 24 }}
                    onClick={() => {
                      onSearch(searchOf(view.view))
                      close()
                    }}
                  >
                    <Text size="sm" fw={view === shown ? 600 : 400}>
                      {view.name}
                    </Text>
                  </UnstyledButton>
                  <ActionIcon
                    size="sm"
                    variant="subtle"
                    color="gray"
                    aria-label={`Forget the view ${view.name}`}
                    onClick={() => setViews(views.filter((other) => other !== view))}
                  >
                    <IconTrash size={14} aria-hidden />
                  </ActionIcon>
                </Group>
              ))}
            </Stack>
          )}
          <form
            onSubmit={(event) => {
              event.preventDefault()
              setViews(withView(views, name.trim(), present))
              setName('')
              close()
            }}
          >
            <Group gap="xs" align="flex-end" wrap="nowrap">
              <TextInput
                size="xs"
                flex={1}
                label="Keep what is shown as"
                placeholder="Best small ones"
                maxLength={60}
                value={name}
                onChange={(event) => setName(event.currentTarget.value)}
              />
              <Button size="xs" type="submit" disabled={name.trim() === '' || full}>
                {replaces ? 'Replace' : 'Keep'}
              </Button>
            </Group>
          </form>
          <SmallPrint>
            {full
              ? `${MOST_VIEWS} views are kept: forget one first.`
              : 'Filters, order and columns, kept in this browser. To share a view, send its address.'}
          </SmallPrint>
        </Stack>
      </Popover.Dropdown>
    </Popover>
  )
}

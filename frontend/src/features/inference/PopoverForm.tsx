/** A small form that opens below a button of a page's head and changes one thing of what runs. */
import { Button, Group, Popover, Stack } from '@mantine/core'
import type { ReactNode } from 'react'
import { ProblemAlert } from '~/components/ProblemAlert'

interface Props {
  opened: boolean
  onOpened: (opened: boolean) => void
  /** The button's icon and text; `onOpening` sets the fields to what is now. */
  icon: ReactNode
  text: string
  onOpening: () => void
  submitText: string
  onSubmit: () => void
  /** What the change came to; `reset` forgets it. */
  change: { error: unknown; isPending: boolean; reset: () => void }
  /** Whether there is something to send. */
  ready: boolean
  aside?: ReactNode
  children: ReactNode
}

export function PopoverForm(props: Props) {
  const { opened, onOpened, change } = props
  return (
    <Popover
      opened={opened}
      onChange={onOpened}
      width={320}
      position="bottom-end"
      withArrow
      trapFocus
      onClose={change.reset}
    >
      <Popover.Target>
        <Button
          size="xs"
          variant="default"
          leftSection={props.icon}
          onClick={() => {
            props.onOpening()
            onOpened(!opened)
          }}
        >
          {props.text}
        </Button>
      </Popover.Target>
      <Popover.Dropdown>
        <form
          onSubmit={(event) => {
            event.preventDefault()
            if (props.ready) props.onSubmit()
          }}
        >
          <Stack gap="xs">
            {props.children}
            <ProblemAlert error={change.error} />
            <Group justify={props.aside ? 'space-between' : 'flex-end'}>
              {props.aside}
              <Button size="xs" type="submit" loading={change.isPending} disabled={!props.ready}>
                {props.submitText}
              </Button>
            </Group>
          </Stack>
        </form>
      </Popover.Dropdown>
    </Popover>
  )
}

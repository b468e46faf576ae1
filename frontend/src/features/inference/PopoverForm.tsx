/** A small form below a button in a page's head. It changes one property of a running object. */
import { Button, Group, Popover, Stack } from '@mantine/core'
import type { ReactNode } from 'react'
import { ProblemAlert } from '~/components/ProblemAlert'

interface Props {
  opened: boolean
  onOpened: (opened: boolean) => void
  /** The icon and text of the button. `onOpening` sets the fields to the present values. */
  icon: ReactNode
  text: string
  onOpening: () => void
  submitText: string
  onSubmit: () => void
  /** The state of the request; `reset` forgets it. */
  change: { error: unknown; isPending: boolean; reset: () => void }
  /** Whether the form differs from what is set. */
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

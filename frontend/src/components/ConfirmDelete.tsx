/** What cannot be undone asks once, names what is lost, and for what is hard to make again wants its name typed. */
import { Button, Group, Modal, Stack, Text, TextInput } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { type ReactNode, useState } from 'react'
import { Caution } from './Caution'
import { ProblemAlert } from './ProblemAlert'

export function ConfirmDelete({
  opened,
  onClose,
  verb = 'Delete',
  keep = 'Cancel',
  heading = 'What will be deleted',
  what = '',
  name = '',
  title = `${verb} ${what} ${name}?`,
  losses,
  body,
  confirm = null,
  onDelete,
}: {
  opened: boolean
  onClose: () => void
  /** What the button that does it says, and the one that does not. */
  verb?: string
  keep?: string
  /** Above the losses. */
  heading?: string
  /** 'model', 'deployment', ... */
  what?: string
  name?: string
  /** In place of what these say. */
  title?: string
  /** What goes with it, one line each. */
  losses?: readonly string[]
  /** In place of the losses. */
  body?: ReactNode
  /** What is to be typed first. */
  confirm?: string | null
  /** Deletes, or throws a Problem, which is shown. */
  onDelete: () => Promise<void>
}) {
  const [typed, setTyped] = useState('')
  const remove = useMutation({ mutationFn: onDelete, onSuccess: () => close() })
  const close = () => {
    setTyped('')
    remove.reset()
    onClose()
  }
  return (
    <Modal opened={opened} onClose={close} title={title} centered>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          remove.mutate()
        }}
      >
        <Stack>
          {body ??
            (losses && losses.length > 0 ? (
              <Caution title={heading} texts={losses} />
            ) : (
              <Text size="sm">Nothing else will be deleted.</Text>
            ))}
          {confirm !== null && (
            <TextInput
              label={`Type ${confirm} to confirm`}
              value={typed}
              onChange={(event) => setTyped(event.currentTarget.value)}
              data-autofocus
            />
          )}
          <ProblemAlert error={remove.error} />
          <Group justify="flex-end">
            <Button variant="default" onClick={close}>
              {keep}
            </Button>
            <Button
              type="submit"
              color="red.9"
              loading={remove.isPending}
              disabled={confirm !== null && typed.trim() !== confirm.trim()}
            >
              {verb}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  )
}

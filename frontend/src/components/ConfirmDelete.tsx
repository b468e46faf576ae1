/**
 * Confirms a deletion that cannot be undone: names what is lost, and has the name typed if it is hard to make again.
 */
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
  /** Text of the button that deletes, and of the button that cancels. */
  verb?: string
  keep?: string
  /** Text above the list of losses. */
  heading?: string
  /** The kind of the object: 'model', 'deployment', ... */
  what?: string
  name?: string
  /** Title that replaces the one made from ``what`` and ``name``. */
  title?: string
  /** What is deleted with the object, one line each. */
  losses?: readonly string[]
  /** Content that replaces the list of losses. */
  body?: ReactNode
  /** The text that the user has to type before the button works. */
  confirm?: string | null
  /** Deletes the object. A Problem that it throws is shown in the dialog. */
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

/** Asks before a page with unsaved changes is left; what was typed stays as a draft in this browser. */
import { Button, Group, Modal, Text } from '@mantine/core'
import { useBlocker } from '@tanstack/react-router'

export function UnsavedChanges({ changed, onDiscard }: { changed: boolean; onDiscard: () => void }) {
  const blocker = useBlocker({
    // Switching to another tab of the same page does not leave it.
    shouldBlockFn: ({ current, next }) => changed && current.pathname !== next.pathname,
    enableBeforeUnload: () => changed,
    withResolver: true,
  })
  return (
    <Modal
      opened={blocker.status === 'blocked'}
      onClose={() => blocker.reset?.()}
      title="Leave without saving?"
      centered
      size="lg"
    >
      <Text size="sm" mb="md">
        Your changes are not saved. This browser keeps them as a draft until you come back.
      </Text>
      <Group justify="flex-end" gap="xs">
        <Button
          variant="subtle"
          color="gray"
          onClick={() => {
            onDiscard()
            blocker.proceed?.()
          }}
        >
          Discard
        </Button>
        <Button variant="default" onClick={() => blocker.proceed?.()}>
          Keep draft and leave
        </Button>
        <Button data-autofocus onClick={() => blocker.reset?.()}>
          Stay
        </Button>
      </Group>
    </Modal>
  )
}

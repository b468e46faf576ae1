/** Says that a form starts with what was typed before, and how to start with an empty one. */
import { Alert, Button, Group, Text } from '@mantine/core'
import { IconPencil } from '@tabler/icons-react'

export function DraftNote({ onDiscard }: { onDiscard: () => void }) {
  return (
    <Alert variant="default" py={6} icon={<IconPencil size={16} aria-hidden />}>
      <Group justify="space-between" gap="xs">
        <Text size="sm">This is your unsaved draft.</Text>
        <Button variant="default" onClick={onDiscard}>
          Discard draft
        </Button>
      </Group>
    </Alert>
  )
}

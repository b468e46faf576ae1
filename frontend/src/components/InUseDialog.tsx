/** Why something cannot be deleted yet: what needs it, each a link to go and change or delete that first. */
import { Button, Group, List, Modal, Stack, Text } from '@mantine/core'
import type { ReactNode } from 'react'

export interface InUseDialogProps {
  /** What it is, with its name. */
  what: string
  /** One sentence before the list. */
  reason: string
  opened: boolean
  onClose: () => void
  /** ``List.Item`` each. */
  children: ReactNode
}

export function InUseDialog({ what, reason, opened, onClose, children }: InUseDialogProps) {
  return (
    <Modal opened={opened} onClose={onClose} title={`${what} is in use`} centered>
      <Stack>
        <Text size="sm">{reason}</Text>
        <List size="sm">{children}</List>
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose} data-autofocus>
            Close
          </Button>
        </Group>
      </Stack>
    </Modal>
  )
}

/** All keys on one sheet. */
import { Group, Kbd, Modal } from '@mantine/core'
import { RowTable } from '~/components/RowTable'
import { ROOMS } from './navigation'

const MAC = /Mac|iPhone|iPad/.test(navigator.userAgent)
const KEYS: readonly (readonly [what: string, keys: readonly string[]])[] = [
  ['Search and commands', [MAC ? '⌘' : 'Ctrl', 'K']],
  ['Show this list', ['?']],
  ['Close a dialog or menu', ['Esc']],
  ...ROOMS.map((room) => [`Go to ${room.label}`, ['g', room.key]] as const),
]

export default function ShortcutSheet({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  return (
    <Modal opened={opened} onClose={onClose} title="Keyboard shortcuts">
      <RowTable
        label="Keyboard shortcuts"
        minWidth={0}
        withTableBorder={false}
        rows={KEYS}
        rowKey={([what]) => what}
        columns={[
          { title: 'Action', cell: ([what]) => what },
          {
            title: 'Keys',
            cell: ([, keys]) => (
              <Group gap={4}>
                {keys.map((key) => (
                  <Kbd key={key}>{key}</Kbd>
                ))}
              </Group>
            ),
          },
        ]}
      />
    </Modal>
  )
}

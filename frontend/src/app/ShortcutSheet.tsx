/** All keys on one sheet. */
import { Group, Kbd, Modal, Table } from '@mantine/core'
import { Fragment } from 'react'
import { ROOMS } from './navigation'

const MAC = /Mac|iPhone|iPad/.test(navigator.userAgent)
const KEYS: readonly (readonly [what: string, keys: readonly string[]])[] = [
  ['Search and commands', [MAC ? '⌘' : 'Ctrl', 'K']],
  ['This sheet', ['?']],
  ['Close what lies over the page', ['Esc']],
  ...ROOMS.map((room) => [`Go to ${room.label}`, ['g', room.key]] as const),
]

export default function ShortcutSheet({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  return (
    <Modal opened={opened} onClose={onClose} title="Keyboard shortcuts" closeButtonProps={{ 'aria-label': 'Close' }}>
      <Table fz="sm" verticalSpacing={6}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>What</Table.Th>
            <Table.Th>Keys</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {KEYS.map(([what, keys]) => (
            <Table.Tr key={what}>
              <Table.Td>{what}</Table.Td>
              <Table.Td>
                <Group gap={4}>
                  {keys.map((key) => (
                    <Fragment key={key}>
                      <Kbd>{key}</Kbd>
                    </Fragment>
                  ))}
                </Group>
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Modal>
  )
}

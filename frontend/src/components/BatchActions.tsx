/** Actions for the selected rows of a list: stop those that run, delete those that nothing needs. */
import { Button, List, Text } from '@mantine/core'
import { IconPlayerStop, IconTrash } from '@tabler/icons-react'
import { useState } from 'react'
import { deploymentsStopCreate, inferencesStopCreate, resultsStopCreate } from '~/lib/api'
import type { DeletableKind } from '~/lib/deletion'
import { plural } from '~/lib/format'
import { notifyDone } from '~/lib/notify'
import { Problem, problemOf } from '~/lib/problem'
import { ConfirmDelete } from './ConfirmDelete'
import { DeleteDialog } from './DeleteDialog'

const STOPS = {
  deployments: { noun: 'deployment', stop: deploymentsStopCreate, note: 'You can train them again later.' },
  results: { noun: 'training run', stop: resultsStopCreate, note: 'You can train them again later.' },
  inferences: {
    noun: 'inference',
    stop: inferencesStopCreate,
    note: 'Their records wait until they are started again, for as long as their topics keep them.',
  },
} as const

export function DeleteButton({
  kind,
  ids,
  onDone,
}: {
  kind: DeletableKind
  ids: readonly number[]
  onDone: () => unknown
}) {
  const [asking, setAsking] = useState(false)
  return (
    <>
      <Button
        size="xs"
        variant="default"
        leftSection={<IconTrash size={14} aria-hidden />}
        onClick={() => setAsking(true)}
      >
        Delete…
      </Button>
      {asking && <DeleteDialog kind={kind} ids={ids} onClose={() => setAsking(false)} onDeleted={onDone} />}
    </>
  )
}

interface Refused {
  name: string
  problem: Problem
}

/** The problem shown after some of ``asked`` rows could not be stopped: how many, which ones, and why. */
function refusalOf(refused: readonly Refused[], asked: number, noun: string): Problem {
  const [first] = refused
  if (first && asked === 1) return first.problem
  return new Problem({
    type: 'about:blank',
    title: 'Not all were stopped',
    status: first?.problem.status ?? 0,
    detail: `${refused.length} of ${plural(asked, noun)} ${refused.length === 1 ? 'was' : 'were'} not stopped`,
    errors: refused.map(({ name, problem }) => ({
      field: name,
      detail: problem.document.detail,
      code: '',
      hint: problem.hint,
    })),
  })
}

interface Stoppable {
  id: number
  /** How the confirmation dialog names this row. */
  name: string
  /** Whether any part of the row runs or waits. */
  going: boolean
}

export function StopRowsButton({
  kind,
  rows,
  onDone,
}: {
  kind: keyof typeof STOPS
  rows: readonly Stoppable[]
  onDone: () => unknown
}) {
  const [asking, setAsking] = useState(false)
  const { noun, stop, note } = STOPS[kind]
  const going = rows.filter((row) => row.going)
  const rest = rows.length - going.length
  return (
    <>
      <Button
        size="xs"
        variant="default"
        leftSection={<IconPlayerStop size={14} aria-hidden />}
        disabled={going.length === 0}
        title={going.length === 0 ? 'All of them have already ended' : undefined}
        onClick={() => setAsking(true)}
      >
        Stop…
      </Button>
      <ConfirmDelete
        opened={asking}
        onClose={() => setAsking(false)}
        verb="Stop"
        keep="Keep them running"
        title={`Stop ${plural(going.length, noun)}?`}
        body={
          <>
            <List size="sm" mah={260} style={{ overflowY: 'auto' }}>
              {going.map((row) => (
                <List.Item key={row.id} style={{ overflowWrap: 'anywhere' }}>
                  {row.name}
                </List.Item>
              ))}
            </List>
            <Text size="sm">
              {note}
              {rest > 0 && ` ${rest === 1 ? 'One has' : `${rest} have`} already ended.`}
            </Text>
          </>
        }
        onDelete={async () => {
          const asked = going.map((row) => stop({ path: { id: String(row.id) }, throwOnError: true }))
          const refused = (await Promise.allSettled(asked)).flatMap((result, place) =>
            result.status === 'rejected' ? [{ name: going[place]?.name ?? '', problem: problemOf(result.reason) }] : [],
          )
          if (refused.length > 0) throw refusalOf(refused, going.length, noun)
          notifyDone(`Stopping ${plural(going.length, noun)}`)
          await onDone()
        }}
      />
    </>
  )
}

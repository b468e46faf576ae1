import { fireEvent, screen, waitFor } from '@testing-library/react'
import { expect, test } from 'vitest'
import type { ResultRow } from '~/lib/api'
import { platform, show } from '~/testing/page'
import { StopTraining } from './StopTraining'

function run(change: Partial<ResultRow> = {}): ResultRow {
  return {
    state: 'running',
    stream: 5,
    desired: 'run',
    metrics: null,
    leader: null,
    tier: null,
    ...change,
  } as ResultRow
}

test.each([
  ['deployment', '/api/deployments/4/stop/'],
  ['result', '/api/results/4/stop/'],
] as const)('stopping a %s that trains asks once', async (kind, path) => {
  const written = platform({ [`POST ${path}`]: {} })
  await show(<StopTraining kind={kind} id={4} runs={[run(), run({ state: 'finished' })]} />)
  fireEvent.click(screen.getByRole('button', { name: 'Stop' }))
  const dialog = await screen.findByRole('dialog', { name: `Stop ${kind} 4?` })
  expect(dialog).toHaveTextContent('It can resume from its last checkpoint')
  expect(written).toEqual([])
  fireEvent.click(screen.getAllByRole('button', { name: 'Stop' }).at(-1) as HTMLElement)
  await waitFor(() => expect(written.map((asked) => asked.path)).toEqual([path]))
})

test('a deployment that waits for its data stops at once', async () => {
  const written = platform({ 'POST /api/deployments/4/stop/': {} })
  await show(<StopTraining kind="deployment" id={4} runs={[run({ state: 'waiting', stream: null })]} />)
  fireEvent.click(screen.getByRole('button', { name: 'Stop' }))
  await waitFor(() => expect(written).toHaveLength(1))
})

test('it says what becomes of all runs, of the parts of a chain, and of a training without end', async () => {
  platform({})
  const parts = [run({ tier: 0, leader: 9 }), run({ tier: 1 })]
  const online = { epoch: 3, window: { end: 9 } } as unknown as ResultRow['metrics']
  await show(
    <>
      <StopTraining kind="deployment" id={4} runs={[run(), run()]} />
      <StopTraining kind="result" id={9} runs={parts} />
      <StopTraining kind="result" id={10} runs={[run({ metrics: online })]} />
    </>,
  )
  const said = []
  for (const button of screen.getAllByRole('button', { name: 'Stop' })) {
    fireEvent.click(button)
    said.push((await screen.findByRole('dialog')).textContent)
    fireEvent.click(screen.getByRole('button', { name: 'Keep it running' }))
    await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull())
  }
  expect(said[0]).toContain('Its 2 training runs stop')
  expect(said[1]).toContain('The other sub-models of its distributed model stop too')
  expect(said[2]).toContain('What it has learnt so far is kept as its last version')
})

test('what has ended cannot be stopped', async () => {
  platform({})
  await show(<StopTraining kind="result" id={4} runs={[run({ state: 'failed' })]} />)
  expect(screen.queryByRole('button')).toBeNull()
})

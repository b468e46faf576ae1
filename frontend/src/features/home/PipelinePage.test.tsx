import { act, screen } from '@testing-library/react'
import { expect, test } from 'vitest'
import { type Asked, platform, show } from '~/testing/page'
import { edge, node } from '~/testing/pipeline'
import { PipelinePage } from './PipelinePage'

const FACTS = { model: 1, configuration: 1, deployment: 2, stream: 1, result: 1, inference: 1, predicted: 5 }
const TOTALS = { runs: 30, active_runs: 3, waiting_runs: 2, inferences: 1, active_inferences: 1 }
const answer = (nodes: unknown[], edges: unknown[] = []) => ({ facts: FACTS, totals: TOTALS, most: 2, nodes, edges })

async function opened(search: Record<string, unknown>, found: (path: string) => unknown) {
  platform({
    'GET /api/pipeline/': ({ path }: Asked) =>
      path.includes('?') ? found(path) : answer([node('run', 30, { name: 'newest' })]),
  })
  const { router } = await show(<PipelinePage />)
  await act(() => router.navigate({ to: '/', search: { view: 'table', ...search } as never }))
}

test('a search shows what the picture has no room for', async () => {
  let asked = ''
  await opened({ find: 'old', only: 'failing' }, (path) => {
    asked = path
    const states = { state: 'failed' }
    return answer(
      [node('deployment', 1, { name: 'first' }), node('run', 1, { name: 'old one', ...states })],
      [edge('deployment:1', 'run:1', 'holds')],
    )
  })
  expect(await screen.findByText('old one')).toBeInTheDocument()
  expect(screen.queryByText('newest')).toBeNull()
  expect(asked).toBe('/api/pipeline/?find=old&only=failing')
  expect(screen.queryByText(/At most/)).toBeNull()
})

test('what rested in the last day is left to the server', async () => {
  let asked = ''
  await opened({ hours: 24 }, (path) => {
    asked = path
    return answer([node('run', 1, { name: 'of today' })])
  })
  expect(await screen.findByText('of today')).toBeInTheDocument()
  expect(screen.queryByText('newest')).toBeNull()
  expect(asked).toBe('/api/pipeline/?find=&hours=24')
  expect(screen.getByRole('radio', { name: 'Day' })).toBeChecked()
})

test('where there may be more than are shown it says so, and where there is nothing too', async () => {
  await opened({ find: 'many' }, () => answer([1, 2].map((id) => node('run', id, { name: `many ${id}` }))))
  expect(await screen.findByText(/At most 2 boxes of a kind are shown/)).toBeInTheDocument()
})

test('runs that wait are not said to be in progress', async () => {
  await opened({}, () => undefined)
  expect(await screen.findByText('1 training run in progress and 2 waiting; 1 inference, 0/s predicted')).toBeVisible()
})

test('what is nowhere is said to be', async () => {
  await opened({ find: 'nowhere' }, () => answer([]))
  expect(await screen.findByText('No matches')).toBeInTheDocument()
})

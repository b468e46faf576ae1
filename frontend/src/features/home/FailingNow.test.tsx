import { screen, within } from '@testing-library/react'
import { expect, test } from 'vitest'
import type { Pipeline, PipelineNode } from '~/lib/api'
import { show } from '~/testing/page'
import { FailingNow } from './FailingNow'
import { nodeText } from './words'

const REASON = 'all 5,020 records became dead letters in the last few minutes'
const NODE = { key: 'inference:3', kind: 'inference', id: 3, name: 'digits', rate: 0, lag: null } as PipelineNode

test('the picture names what fails above the boxes, and in its box', async () => {
  const failing = { ...NODE, state: 'failing', detail: REASON }
  await show(<FailingNow pipeline={{ nodes: [failing, { ...NODE, state: 'running' }] } as unknown as Pipeline} />)
  expect(screen.getByText(/An inference is failing/)).toBeVisible()
  expect(screen.getByText(/digits \(inference 3\)/).parentElement).toHaveTextContent(REASON)
  expect(within(screen.getByRole('alert', { name: 'An inference is failing' })).getAllByRole('link')).toHaveLength(1)
  expect(nodeText(failing)).toBe(`failing: ${REASON}`)
})

test('a run that is no better than one answer says so in its box', () => {
  const score = { name: 'accuracy', value: 0.854, part: 'test', useless: true }
  const run = { ...NODE, kind: 'run', score, progress: null } as PipelineNode
  expect(nodeText(run)).toBe('85.4%: no better than a constant')
  expect(nodeText({ ...run, score: { ...score, useless: false } })).toBe('85.4%')
})

import { screen } from '@testing-library/react'
import { expect, test } from 'vitest'
import type { Try } from '~/lib/api'
import { inference } from '~/testing/inference'
import { platform, show } from '~/testing/page'
import { TryAnswer } from './TryAnswer'

const place = (topic: string) => ({ topic, partition: 0, offset: 5 })
const EDGE = inference({
  tier: 'edge',
  input_topic: 'in',
  upper_topic: 'up',
  upper_bootstrap_servers: '',
  output_bootstrap_servers: '',
})

async function shown(change: Partial<Try>) {
  const answer = {
    outcome: 'answered',
    input: place('in'),
    replicas: 1,
    replica: 0,
    seconds: 0.05,
    values: [0.1, 0.9],
    labels: null,
    values_count: 2,
    result: 9,
    version: '1',
    ...change,
  }
  platform({})
  const entry = {
    number: 1,
    at: new Date(),
    sample: [],
    shape: null,
    shown: null,
    truth: null,
    answer: answer as unknown as Try,
    problem: null,
  }
  await show(<TryAnswer entry={entry} inference={EDGE} />)
  return screen.getAllByRole('listitem', { hidden: true }).map((item) => item.textContent)
}

test('a sample that went up tells the tiers that handed it on, and who answered', async () => {
  const way = [{ inference: 3, tier: 'edge', result: 7, version: '2', output: place('up') }]
  const steps = await shown({ tier: 'cloud', way, output: place('out') })
  expect(steps.slice(-4)).toEqual([
    'written to in, partition 0, offset 5',
    'edge (inference 3, version 2) was below its limit and handed it up to up, partition 0, offset 5',
    'read by cloud, result 9, version 1',
    'written to out, partition 0, offset 5',
  ])
  expect(screen.getByText('probability 90.0%, answered at cloud')).toBeInTheDocument()
})

test('what was handed up and not answered says so', async () => {
  await shown({ outcome: 'passed_on', tier: 'edge', way: [], output: place('up') })
  expect(screen.getByText('Handed up, not answered yet')).toBeInTheDocument()
})

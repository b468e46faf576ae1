import { fireEvent, screen, waitFor } from '@testing-library/react'
import { useState } from 'react'
import { expect, test } from 'vitest'
import { platform, show } from '~/testing/page'
import { LimitCurves, type Limits } from './LimitCurves'

const point = (limit: number, sent_up: number) => ({
  limit,
  sent_up,
  accuracy: 0.9,
  bytes_per_sample: 99.6,
  seconds_per_sample: 0.002,
})

function curves(limit: number) {
  const edge = {
    result: 1,
    model: 8,
    model_name: 'edge',
    limit,
    proposed: 0.8,
    alone: 0.85,
    arriving: 1,
    sent_up: 0.25,
    points: [point(0.8, 0.25), point(0.9, 0.5)],
  }
  const cloud = {
    result: 2,
    model: 7,
    model_name: 'cloud',
    limit: null,
    proposed: null,
    alone: 0.95,
    arriving: 0.25,
    sent_up: 0,
    points: [],
  }
  return {
    result: 2,
    version: 1,
    of: 'test',
    samples: 180,
    accuracy: 0.93,
    bytes_per_sample: 64,
    seconds_per_sample: 0.002,
    tiers: [edge, cloud],
  }
}

function Shown() {
  const [limits, setLimits] = useState<Limits>([])
  return <LimitCurves result={2} limits={limits} onLimits={setLimits} actions={(tier) => `of ${tier.model_name}`} />
}

test('tells where samples leave, as a table too, and asks again for another limit', async () => {
  const queries: string[] = []
  platform({
    'GET /api/results/2/exits/': ({ path }: { path: string }) => {
      queries.push(path.split('?')[1] ?? '')
      return curves(path.includes('0.9') ? 0.9 : 0.8)
    },
  })
  await show(<Shown />)
  const stat = async (name: string) => (await screen.findByText(name)).parentElement?.textContent
  expect(await stat('Accuracy of the chain')).toBe('Accuracy of the chain93.0%95.0% if all went to cloud')
  expect(await stat('Leave at edge')).toBe('Leave at edge75.0%alone right in 85.0%')
  expect(await stat('Leave at cloud')).toBe('Leave at cloud25.0%alone right in 95.0%')
  fireEvent.click(screen.getByLabelText('View as table'))
  const cells = [...document.querySelectorAll('tbody tr')].map((row) =>
    [...row.children].map((cell) => cell.textContent),
  )
  expect(cells).toEqual([
    ['0.8', '25.0%', '90.0%', '100 B', '2.0 ms'],
    ['0.9', '50.0%', '90.0%', '100 B', '2.0 ms'],
  ])
  fireEvent.change(screen.getByLabelText('Limit of edge'), { target: { value: '0.9' } })
  await waitFor(() => expect(queries).toEqual(['', 'limits=0.9']))
  expect(screen.getByText('of edge')).toBeInTheDocument()
})

import { screen } from '@testing-library/react'
import { expect, test } from 'vitest'
import { platform, show } from '~/testing/page'
import { type ChainPart, ChainPicture } from './ChainPicture'

const spec = (...shape: number[]) => ({ name: 'x', dtype: 'float32', shape: [null, ...shape] })
const EDGE: ChainPart = { id: 1, name: 'edge', inputs: [spec(28, 28)], outputs: [spec(32), spec(10)] }
const FOG: ChainPart = { id: 2, name: 'fog', inputs: [spec(32)], outputs: [spec(64), spec(10)] }
const CLOUD: ChainPart = { id: null, name: 'cloud', inputs: [spec(64)], outputs: [spec(10)] }

async function rows(...parts: ChainPart[]) {
  platform({})
  await show(<ChainPicture parts={parts} current={parts.length - 1} />)
  return screen.getAllByRole('listitem').map((item) => item.textContent)
}

test('the top is above, with what goes up in between and the samples below', async () => {
  expect(await rows(EDGE, FOG, CLOUD)).toEqual([
    'cloudtakes 64exit: 10',
    '64 goes up, 256 B a sample',
    'fogtakes 32exit: 10',
    '32 goes up, 128 B a sample',
    'edgetakes 28 × 28exit: 10',
    'samples of shape 28 × 28',
  ])
  expect(screen.getAllByRole('link').map((link) => link.textContent)).toEqual(['fog', 'edge'])
})

test('a gap names both shapes, and one output is said to send nothing', async () => {
  expect((await rows(EDGE, CLOUD))[1]).toBe('sends 32, cloud takes 64')
})

test('one output sends nothing up', async () => {
  expect((await rows({ ...EDGE, outputs: [spec(10)] }, CLOUD))[1]).toBe('edge has one output: nothing goes up')
})

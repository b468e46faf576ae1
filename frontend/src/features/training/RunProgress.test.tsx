import { screen } from '@testing-library/react'
import { expect, test } from 'vitest'
import type { ResultRow } from '~/lib/api'
import { show } from '~/testing/page'
import { RunProgress } from './RunProgress'

const PROGRESS = {
  epoch: 3,
  epochs: 10,
  batch: 5,
  batches: 10,
  metrics: {},
  remaining_seconds: 90,
  may_end_sooner: true,
}

function row(state: string, epoch = 2, progress: object = PROGRESS): ResultRow {
  return { state, model_name: 'digits', progress, metrics: { epoch, window: null } } as unknown as ResultRow
}

test('a run that trains says how long it will still take, one that ended does not', async () => {
  const { unmount } = await show(<RunProgress row={row('running')} />)
  expect(await screen.findByText('epoch 3 of 10, batch 5 of 10')).toBeInTheDocument()
  expect(screen.getByText('at most 1 min 30 s left')).toBeInTheDocument()
  unmount()
  const { unmount: gone } = await show(<RunProgress row={row('stopped')} />)
  expect(await screen.findByText(/^until epoch 3/)).toBeInTheDocument()
  expect(screen.queryByText(/left/)).toBeNull()
  gone()
  await show(<RunProgress row={row('finished', 7)} />)
  expect(await screen.findByText('done, 7 of 10 epochs')).toBeInTheDocument()
})

test('a run too quick to report its epochs says how many they were', async () => {
  const reading = { ...PROGRESS, epoch: 0, epochs: 0, batch: 300, batches: 300 }
  await show(
    <>
      <RunProgress row={row('finished', 2, reading)} />
      <RunProgress row={row('finished', 1, { ...PROGRESS, epochs: 1 })} />
    </>,
  )
  expect(await screen.findByText('done, 2 epochs')).toBeInTheDocument()
  expect(screen.getByText('done, 1 epoch')).toBeInTheDocument()
})

test('a run that failed while its data were read names no record', async () => {
  await show(<RunProgress row={row('failed', 2, { ...PROGRESS, epoch: 0, batch: 0 })} />)
  expect(await screen.findByText('before the first epoch')).toBeInTheDocument()
})

import { fireEvent, screen, waitFor } from '@testing-library/react'
import { expect, test, vi } from 'vitest'
import { platform, show } from '~/testing/page'
import { StopButton } from './StopButton'

const stop = vi.fn(async () => undefined)
const button = { what: 'inference', name: '3', happens: ['New records of in are no longer answered.'], stop }

test('what has begun asks once before it ends', async () => {
  platform({})
  await show(<StopButton {...button} begun />)
  fireEvent.click(screen.getByRole('button', { name: 'Stop' }))
  const dialog = await screen.findByRole('dialog', { name: 'Stop inference 3?' })
  expect(dialog).toHaveTextContent('New records of in are no longer answered')
  expect(stop).not.toHaveBeenCalled()
  fireEvent.click(screen.getAllByRole('button', { name: 'Stop' }).at(-1) as HTMLElement)
  await waitFor(() => expect(stop).toHaveBeenCalledTimes(1))
})

test('what has not begun ends at once', async () => {
  stop.mockClear()
  platform({})
  await show(<StopButton {...button} begun={false} />)
  fireEvent.click(screen.getByRole('button', { name: 'Stop' }))
  await waitFor(() => expect(stop).toHaveBeenCalledTimes(1))
})

test('what is ending is not stopped again', async () => {
  platform({})
  await show(<StopButton {...button} begun ending />)
  expect(screen.getByRole('button', { name: 'Stopping…' })).toBeDisabled()
})

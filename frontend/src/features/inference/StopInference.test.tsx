import { fireEvent, screen, waitFor } from '@testing-library/react'
import { expect, test } from 'vitest'
import { inference } from '~/testing/inference'
import { platform, show } from '~/testing/page'
import { StopInference } from './StopInference'

test('stopping what serves asks once', async () => {
  const written = platform({ 'POST /api/inferences/3/stop/': inference() })
  await show(<StopInference inference={inference()} onStopped={() => undefined} />)
  fireEvent.click(screen.getByRole('button', { name: 'Stop' }))
  const dialog = await screen.findByRole('dialog', { name: 'Stop inference 3?' })
  expect(dialog).toHaveTextContent('New records of in are no longer answered')
  expect(written).toEqual([])
  fireEvent.click(screen.getAllByRole('button', { name: 'Stop' }).at(-1) as HTMLElement)
  await waitFor(() => expect(written).toHaveLength(1))
})

test('what serves nothing stops at once', async () => {
  const written = platform({ 'POST /api/inferences/3/stop/': inference() })
  await show(<StopInference inference={inference({ state: 'waiting' })} onStopped={() => undefined} />)
  fireEvent.click(screen.getByRole('button', { name: 'Stop' }))
  await waitFor(() => expect(written).toHaveLength(1))
})

import { fireEvent, screen, waitFor } from '@testing-library/react'
import { expect, test, vi } from 'vitest'
import type { Topic } from '~/lib/api'
import { platform, Refusal, show } from '~/testing/page'
import { ProduceDialog } from './ProduceDialog'
import { produceEquivalents } from './producing'

const MACHINES = { name: 'machines', partitions: [{ partition: 0 }, { partition: 1 }] } as Topic
// Skips the check for visibility, which costs jsdom seconds, because everything here is visible.
const FAST = { hidden: true }
const value = () => screen.getByLabelText('Value')
const write = () => screen.getByRole('button', { ...FAST, name: 'Write' })

test('a record is written with what was given, and a slip in JSON is shown before', async () => {
  const asked = platform({ 'POST /api/topics/machines/records/': { topic: 'machines', partition: 1, offset: 7 } })
  const onClose = vi.fn()
  await show(<ProduceDialog topic={MACHINES} onClose={onClose} />)
  expect(write()).toBeDisabled()
  fireEvent.change(value(), { target: { value: '{"t": 1' } })
  expect(screen.getByText(/^Not JSON/)).toBeInTheDocument()
  fireEvent.change(value(), { target: { value: '{"t": 1}' } })
  expect(screen.queryByText(/^Not JSON/)).toBeNull()
  fireEvent.change(screen.getByLabelText('Key'), { target: { value: 'm7' } })
  fireEvent.click(write())
  await waitFor(() => expect(onClose).toHaveBeenCalled())
  expect(asked.map((request) => request.body)).toEqual([{ key: 'm7', value: '{"t": 1}' }])
})

test('a refusal is shown, and nothing is lost', async () => {
  platform({ 'POST /api/topics/machines/records/': new Refusal(409, 'machines carries announcements') })
  const onClose = vi.fn()
  await show(<ProduceDialog topic={MACHINES} onClose={onClose} />)
  fireEvent.click(screen.getByLabelText('No value (a tombstone)'))
  fireEvent.click(write())
  expect(await screen.findByText(/carries announcements/)).toBeInTheDocument()
  expect(onClose).not.toHaveBeenCalled()
})

test('elsewhere it is written the same', () => {
  const { cli, python } = produceEquivalents('t', { value: '-1', key: 'k', partition: 0 })
  expect(cli).toBe('kafka-ml topics produce --key k --partition 0 -- t -1')
  expect(python).toContain('client.topics.produce')
  expect(produceEquivalents('t', { value: null }).cli).toBe('kafka-ml topics produce t --tombstone')
})

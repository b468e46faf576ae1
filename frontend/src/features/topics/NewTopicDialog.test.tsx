import { fireEvent, screen, waitFor } from '@testing-library/react'
import { expect, test, vi } from 'vitest'
import { platform, Refusal, show } from '~/testing/page'
import { NewTopicDialog, nameProblem } from './NewTopicDialog'
import { newTopicEquivalents } from './producing'

// Skips the check for visibility, which costs jsdom seconds, because everything here is visible.
const create = () => screen.getByRole('button', { hidden: true, name: 'Create' })

test('a topic is created with what was given, and opened', async () => {
  const asked = platform({ 'POST /api/topics/': { name: 'machines' } })
  const [onClose, onMade] = [vi.fn(), vi.fn()]
  await show(<NewTopicDialog onClose={onClose} onMade={onMade} />)
  expect(create()).toBeDisabled()
  fireEvent.change(screen.getByLabelText(/^Name/), { target: { value: 'my machines' } })
  expect(screen.getByText('Expected no blanks: use - or _ instead')).toBeInTheDocument()
  fireEvent.click(create())
  fireEvent.change(screen.getByLabelText(/^Name/), { target: { value: 'machines' } })
  fireEvent.change(screen.getByLabelText('Partitions'), { target: { value: '4' } })
  fireEvent.click(create())
  await waitFor(() => expect(onMade).toHaveBeenCalledWith('machines'))
  expect(asked.map((request) => request.body)).toEqual([{ name: 'machines', partitions: 4 }])
})

test('what Kafka refuses is shown in its words, and nothing is lost', async () => {
  platform({ 'POST /api/topics/': new Refusal(422, 'only 1 broker(s) are registered') })
  const [onClose, onMade] = [vi.fn(), vi.fn()]
  await show(<NewTopicDialog onClose={onClose} onMade={onMade} />)
  fireEvent.change(screen.getByLabelText(/^Name/), { target: { value: 'machines' } })
  fireEvent.change(screen.getByLabelText('Copies'), { target: { value: '3' } })
  fireEvent.click(create())
  expect(await screen.findByText(/only 1 broker/)).toBeInTheDocument()
  expect(screen.getByLabelText(/^Name/)).toHaveValue('machines')
  expect(onMade).not.toHaveBeenCalled()
})

test('names that Kafka refuses are recognised', () => {
  for (const wrong of ['a b', 'a/b', 'é', '__mine', '..']) expect(nameProblem(wrong)).not.toBeNull()
  for (const right of ['a', 'a.b_c-D', '_mine']) expect(nameProblem(right)).toBeNull()
})

test('elsewhere it is created the same', () => {
  const { cli, python } = newTopicEquivalents({ name: 't', partitions: 2, retention_ms: -1 })
  expect(cli).toBe('kafka-ml topics create t --partitions 2 --retention-ms -1')
  expect(python).toContain('client.topics.create')
})

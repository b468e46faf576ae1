import { fireEvent, screen } from '@testing-library/react'
import { expect, test } from 'vitest'
import { type Asked, platform, Refusal, show } from '~/testing/page'
import { FileDialog } from './FileDialog'

// Skips the check for visibility, which costs jsdom seconds, because everything here is visible.
const button = (name: RegExp) => screen.getByRole('button', { hidden: true, name })
const drop = (text: string, name = 'machines.csv') =>
  fireEvent.drop(screen.getByTestId('drop'), { dataTransfer: { files: [new File([text], name)] } })
const PATH = 'POST /api/topics/machines/records/rows/'

test('a dropped file is shown, written in batches, and rows that were not written are listed by line', async () => {
  const asked = platform({
    [PATH]: ({ body }: Asked) => {
      const { length } = (body as { records: unknown[] }).records
      return length === 500
        ? { written: 500, refused: [] }
        : { written: length - 1, refused: [{ row: 1, detail: 'too large' }] }
    },
  })
  await show(<FileDialog topic="machines" onClose={() => undefined} />)
  expect(button(/^Write/)).toBeDisabled()
  drop(`machine,t\n${'m7,1\n'.repeat(502)}m8\n`)
  expect(await screen.findByText(/machines.csv: 502 records/)).toBeInTheDocument()
  expect(screen.getByText(/Line 504: 1 value: expected 2/)).toBeInTheDocument()
  fireEvent.click(button(/^Write 502 records/))
  expect(await screen.findByText('501 records written')).toBeInTheDocument()
  expect(screen.getByText('Line 503: too large')).toBeInTheDocument()
  expect(asked.map(({ body }) => (body as { records: object[] }).records.length)).toEqual([500, 2])
  expect(asked[0]?.body).toHaveProperty('records.0', { value: '{"machine": "m7", "t": 1}' })
})

test('a file that cannot be used, and a refusal half way, are shown in full', async () => {
  let calls = 0
  platform({
    [PATH]: () => (calls++ === 0 ? { written: 500, refused: [] } : new Refusal(503, 'Kafka does not answer')),
  })
  await show(<FileDialog topic="machines" onClose={() => undefined} />)
  drop('1,2\n3,4\n')
  expect(await screen.findByText(/expected the names of the columns/)).toBeInTheDocument()
  drop(`t\n${'1\n'.repeat(1200)}`)
  fireEvent.click(await screen.findByRole('button', { hidden: true, name: /^Write 1,200 records/ }))
  expect(await screen.findByText('Stopped: 500 of 1,200 records are known to be written')).toBeInTheDocument()
  expect(screen.getByText('Kafka does not answer')).toBeInTheDocument()
})

test('only Stop ends a file half way, and says how much is written', async () => {
  let answer: (said: object) => void = () => undefined
  platform({ [PATH]: () => new Promise((resolve) => (answer = resolve)) })
  let closed = false
  await show(<FileDialog topic="machines" onClose={() => (closed = true)} />)
  drop(`t\n${'1\n'.repeat(700)}`)
  fireEvent.click(await screen.findByRole('button', { hidden: true, name: /^Write 700 records/ }))
  const stop = await screen.findByRole('button', { hidden: true, name: 'Stop' })
  fireEvent.keyDown(stop, { key: 'Escape' })
  expect(closed).toBe(false)
  expect(document.querySelector('.mantine-Modal-close')).toBeNull()
  fireEvent.click(stop)
  answer({ written: 500, refused: [] })
  expect(await screen.findByText('Stopped: 500 of 700 records are known to be written')).toBeInTheDocument()
})

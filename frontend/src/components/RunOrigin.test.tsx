import { screen } from '@testing-library/react'
import { expect, test } from 'vitest'
import { show } from '~/testing/page'
import { RunData, RunDeployment, RunStream } from './RunOrigin'

const RUN = {
  deployment: 11,
  configuration_name: 'mnist',
  stream: 13,
  stream_topic: 'digits',
  stream_same_as: null,
  stream_dataset: null,
}

test('a run comes from things with names', async () => {
  const { unmount } = await show([<RunDeployment key="d" run={RUN} />, <RunStream key="s" run={RUN} />])
  expect(await screen.findByRole('link', { name: 'mnist · 11', hidden: true })).toHaveAttribute('href', '/training/11')
  expect(screen.getByRole('link', { name: 'digits · stream 13', hidden: true })).toHaveAttribute('href', '/streams/13')
  unmount()
  const { container } = await show(<RunStream run={{ ...RUN, stream: null, stream_topic: null }} />)
  expect(container).not.toHaveTextContent('stream')
})

test('a run on a stream that repeats another one leads to both', async () => {
  const { container } = await show(<RunStream run={{ ...RUN, stream_same_as: 5 }} />)
  expect(await screen.findByRole('link', { name: 'stream 5', hidden: true })).toHaveAttribute('href', '/streams/5')
  expect(container).toHaveTextContent('digits · stream 13, same records as stream 5')
})

test('what was trained on a data set is named by it', async () => {
  await show(<RunData run={{ ...RUN, stream_dataset: { id: 4, name: 'pumps', version: 2 } }} />)
  const link = await screen.findByRole('link', { name: 'pumps · version 2', hidden: true })
  expect(link).toHaveAttribute('href', '/datasets/4?version=2')
})

import { screen } from '@testing-library/react'
import { expect, test } from 'vitest'
import type { Contract } from '~/lib/api'
import { PROPOSAL } from '~/testing/datasets'
import { platform, show } from '~/testing/page'
import { SendHint } from './SendHint'

const CONTRACT = PROPOSAL.contract as Contract
const RECORD = { decoded: { text: '{"reading": {"temperature": 47.5}, "failure": false}' } }

async function shown(contract: Contract | null, records: unknown[] = [RECORD]) {
  platform({ 'GET /api/topics/machines/records/': { records } })
  await show(<SendHint topic="in" contract={contract} ranges="machines:2:7:90" />)
}

test('a contract is answered by records such as it was learnt from, not by files of arrays', async () => {
  await shown(CONTRACT)
  expect(await screen.findByText('{"reading":{"temperature":47.5}}')).toBeVisible()
  expect(screen.getByText(/^kafka-ml inferences try ID/)).toHaveTextContent('\'{"reading":{"temperature":47.5}}\'')
  expect(screen.queryByText(/kafka-ml send/)).toBeNull()
})

test('of windows one record is not tried, and the key is asked for', async () => {
  await shown({ ...CONTRACT, window: { length: 10, stride: 1, horizon: 0 } })
  expect(await screen.findByText(/with the same key for the same source: a prediction needs 10 of them/)).toBeVisible()
  expect(screen.queryByText(/inferences try/)).toBeNull()
})

test('arrays are sent from a file', async () => {
  await shown(null)
  expect(screen.getByText('kafka-ml send FILE --topic in')).toBeVisible()
})

import { screen } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { expect, test } from 'vitest'
import type { LetterGroups as Found } from '~/lib/api'
import { inference } from '~/testing/inference'
import { platform, show } from '~/testing/page'
import { LetterGroups } from './LetterGroups'

const REASON = { stage: 'decode', error: 'DecodeError', message: 'features are [0], not numbers of one shape' }
const RECORD = {
  partition: 0,
  offset: 5019,
  value: 'MSwy',
  value_size: 3,
  key: { text: 'm8', base64: null },
  headers: [],
  decoded: { kind: 'text', text: 'one,two', sample: null },
}
const GROUP = { reason: REASON, count: 5020, first_at: null, last_at: '2026-01-01T00:00:00Z' }
const FOUND = {
  topic: 'out.dlq',
  letters: 5023,
  complete: false,
  groups: [{ ...GROUP, sample: { record: RECORD, reason: REASON } }],
  rest: 3,
} as unknown as Found

test('thousands of one reason are one row, with one of them to look at', async () => {
  platform({ 'GET /api/inferences/3/dead_letters/groups/': FOUND })
  await show(<LetterGroups inference={inference({ stats: { dead_lettered: 5020 } as never })} />)
  expect(await screen.findByText('5,020')).toBeVisible()
  expect(screen.getAllByRole('row')).toHaveLength(2)
  expect(screen.getByText(REASON.message)).toBeVisible()
  expect(screen.getByText(/The newest 5,023 dead letters.* 3 have rarer reasons/)).toBeVisible()
  expect(screen.queryByText('one,two')).toBeNull()
  await userEvent.click(screen.getByRole('button', { name: 'Show the record of dead letter 0@5019' }))
  expect(screen.getByText('one,two')).toBeVisible()
})

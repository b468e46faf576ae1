import { screen } from '@testing-library/react'
import { expect, test } from 'vitest'
import { Problem } from '~/lib/problem'
import { show } from '~/testing/page'
import { ProblemAlert } from './ProblemAlert'

const REASON = 'not a regular expression: unclosed group'
const problem = (...fields: string[]) => {
  const errors = fields.map((field) => ({ field, code: 'invalid', detail: REASON }))
  return new Problem({ type: 'about:blank', title: 'Not valid', status: 400, detail: `matches: ${REASON}`, errors })
}

test('a message that names its field is not repeated below, and those of other fields are', async () => {
  await show(<ProblemAlert error={problem('matches')} />)
  expect(screen.getByText(`matches: ${REASON}`)).toBeInTheDocument()
  expect(screen.queryByRole('listitem')).toBeNull()
})

test('the messages of other fields stay', async () => {
  await show(<ProblemAlert error={problem('matches', 'limit')} />)
  expect(screen.getAllByRole('listitem').map((item) => item.textContent)).toEqual([`limit ${REASON}`])
})

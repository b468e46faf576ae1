import { screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { beforeEach, expect, test } from 'vitest'
import type { ContractRequest, Preview } from '~/lib/api'
import { PREVIEW, PROPOSAL } from '~/testing/datasets'
import { type Asked, platform, Refusal, show } from '~/testing/page'
import { Builder } from './Builder'
import { ofProposal } from './values'

const MISSPELT = 'reading.temprature'

beforeEach(() => {
  localStorage.clear()
  sessionStorage.clear()
})

/** A platform that previews every contract, and reports a misspelt field as the real one does. */
function previews(asked: Asked): Preview {
  const { contract } = asked.body as { contract: ContractRequest }
  const wrong = contract.columns[0]?.expression === MISSPELT
  return {
    ...PREVIEW,
    problems: wrong
      ? [
          {
            place: 'columns.0.expression',
            message: 'there is no field reading.temprature',
            hint: '',
            start: 0,
            end: MISSPELT.length,
            known: ['reading.temperature', 'status', 'failure'],
            meant: ['reading.temperature'],
          },
        ]
      : [],
  }
}

async function shown(save = async () => () => {}) {
  const asked = platform({ 'POST /api/datasets/preview/': previews })
  const saved: { columns: string[]; train: boolean }[] = []
  await show(
    <Builder
      topic="machines"
      from={undefined}
      proposal={PROPOSAL}
      initial={{ ...ofProposal(PROPOSAL), name: 'machines' }}
      draftName="test"
      onAsked={() => {}}
      onSave={async (values, train) => {
        saved.push({ columns: values.columns.map((column) => column.name), train })
        return save()
      }}
    />,
  )
  return { asked, saved, user: userEvent.setup() }
}

test('an expression that is wrong is marked, and corrected to what was meant in one click', async () => {
  const { user } = await shown()
  const expression = screen.getByRole('textbox', { name: 'Expression of temperature' })
  await user.clear(expression)
  await user.click(expression)
  await user.paste(MISSPELT)
  const meant = await screen.findByRole('button', { name: 'reading.temperature' })
  expect(screen.getByText(MISSPELT, { selector: 'mark' })).toBeInTheDocument()
  expect(expression).toHaveAccessibleDescription(/there is no field reading.temprature/)
  await user.click(meant)
  expect(expression).toHaveValue('reading.temperature')
  await waitFor(() => expect(expression).not.toHaveAccessibleDescription())
})

test('a tick makes a column of a field, which the next preview has', async () => {
  const { asked, user } = await shown()
  const tick = await screen.findByRole('checkbox', { name: 'Use status' })
  expect(tick).not.toBeChecked()
  expect(screen.getByText(/status is often missing/)).toBeInTheDocument()
  await user.click(tick)
  expect(screen.getByRole('textbox', { name: 'Expression of status' })).toHaveValue('status')
  await waitFor(() => {
    const body = asked.at(-1)?.body as { contract: ContractRequest } | undefined
    expect(body?.contract.columns.map((column) => [column.name, column.encoding])).toEqual([
      ['temperature', 'number'],
      ['status', 'one_hot'],
    ])
  })
  await user.click(tick)
  expect(screen.queryByRole('textbox', { name: 'Expression of status' })).not.toBeInTheDocument()
})

test('the samples are shown as the model gets them, and the balance of the label', async () => {
  await shown()
  const preview = await screen.findByRole('region', { name: 'Preview' })
  const table = await within(preview).findByRole('table', { name: 'Samples' })
  expect(within(table).getByRole('row', { name: /m4.* true 0.25/ })).toBeInTheDocument()
  expect(within(preview).getByRole('list', { name: 'Values of the label failure' })).toHaveTextContent(
    'false897true103',
  )
  expect(within(preview).getByText(/800 training/)).toBeInTheDocument()
})

test('what is refused when it is made is said at its field until something is changed', async () => {
  const { user } = await shown(async () => {
    const refused = new Refusal(400, 'no', { name: 'a data set of this name exists' })
    throw refused.document
  })
  await user.click(await screen.findByRole('button', { name: 'Create and train' }))
  const name = screen.getByRole('textbox', { name: 'Name' })
  await waitFor(() => expect(name).toHaveAccessibleDescription(/a data set of this name exists/))
  await user.click(name)
  await user.paste('2')
  expect(name).not.toHaveAccessibleDescription()
})

test('making it forgets the draft, which a reload would have brought back', async () => {
  const { saved, user } = await shown()
  const name = screen.getByRole('textbox', { name: 'Name' })
  await user.click(name)
  await user.paste(' of spring')
  await waitFor(() => expect(localStorage.getItem('kml-draft:test')).toContain('machines of spring'))
  await user.click(screen.getByRole('button', { name: 'Create data set' }))
  await waitFor(() => expect(localStorage.getItem('kml-draft:test')).toBeNull())
  expect(saved).toEqual([{ columns: ['temperature'], train: false }])
})

import { fireEvent, screen, waitFor } from '@testing-library/react'
import { beforeEach, expect, test } from 'vitest'
import type { Configuration, Framework } from '~/lib/api'
import { type Asked, page, platform, show } from '~/testing/page'
import { DeployForm } from './DeployForm'
import { firstValues } from './form'

const EPOCHS = { meaning: 'passes over the data', expected: 'a whole number', default: '1', known_as: 'epochs' }
const FIT = { about: 'as in fit', example: 'epochs=10', first: '', accepted: { epochs: EPOCHS } }
const FRAMEWORK = {
  name: 'tensorflow',
  title: 'TensorFlow',
  arguments: { fit: FIT, evaluation: { ...FIT, example: '', accepted: {} } },
} as unknown as Framework
const CONFIGURATION = {
  id: 3,
  name: 'pumps',
  model_details: [{ id: 1, name: 'pump', framework: 'tensorflow', metrics: [], distributed: false }],
} as unknown as Configuration

const NOT_TWO = 'pump cannot learn it: the contract makes samples of the shape (1,)'
const VERSION = { records: 9, online: false, contract: { columns: [], labels: [], fields: [] } }
const dataset = (id: number, name: string, ...numbers: number[]) => ({
  id,
  name,
  versions: numbers.map((number) => ({ ...VERSION, number })),
})
const ROWS = [dataset(1, 'narrow', 1), dataset(2, 'widened', 2, 1), dataset(3, 'wide', 1)]
const held = (id: number, version: number, reason = '') => ({ dataset: id, version, name: ROWS[id - 1]?.name, reason })

beforeEach(() => sessionStorage.clear())

async function form(answers: Record<string, unknown>, stream?: number): Promise<Asked[]> {
  const written = platform({
    'GET /api/datasets/': page(...ROWS),
    ...Object.fromEntries(ROWS.map((row) => [`GET /api/datasets/${row.id}/`, row])),
    'GET /api/deployments/datasets/': [held(3, 1), held(2, 2, NOT_TWO), held(2, 1), held(1, 1, NOT_TWO)],
    'POST /api/deployments/check/': { valid: true, errors: [] },
    ...answers,
  })
  await show(
    <DeployForm
      configuration={CONFIGURATION}
      frameworks={[FRAMEWORK]}
      modes={['classic', 'incremental']}
      first={firstValues([FRAMEWORK])}
      draft="a-test"
      source={undefined}
      stream={stream}
    />,
  )
  return written
}

test('data sets that the models cannot learn say why, and cannot be chosen', async () => {
  await form({})
  fireEvent.click(await screen.findByRole('combobox', { name: 'Data' }))
  const narrow = await screen.findByRole('option', { name: /narrow/ })
  await waitFor(() => expect(narrow).toHaveAttribute('aria-disabled', 'true'))
  expect(narrow).toHaveTextContent(`${NOT_TWO}.`)
  const wide = screen.getByRole('option', { name: 'wide' })
  expect(wide).not.toHaveAttribute('aria-disabled')
})

test('of a data set the newest version is chosen that the models can learn', async () => {
  await form({})
  fireEvent.click(await screen.findByRole('combobox', { name: 'Data' }))
  const widened = await screen.findByRole('option', { name: 'widened' })
  // Every option can be chosen until the platform has said which ones do not fit.
  await waitFor(() => expect(screen.getByRole('option', { name: /narrow/ })).toHaveAttribute('aria-disabled', 'true'))
  fireEvent.click(widened)
  const version = await screen.findByRole('combobox', { name: 'Version' })
  await waitFor(() => expect(version).toHaveValue('1'))
  fireEvent.click(version)
  expect(await screen.findByRole('option', { name: /the newest/ })).toHaveAttribute('aria-disabled', 'true')
  expect(screen.getByRole('option', { name: /^2/ })).toHaveTextContent(NOT_TWO)
})

test('a stream that the models cannot learn is reported before a deployment is made for it', async () => {
  const reason = "pump cannot learn it: the stream's samples have the shape (3,)"
  const written = await form(
    {
      'POST /api/deployments/check/': ({ body }: Asked) => {
        const { stream } = body as { stream: number | null }
        const errors = stream === 8 ? [{ field: 'stream', code: 'stream', detail: reason, hint: '' }] : []
        return { valid: errors.length === 0, errors }
      },
    },
    8,
  )
  expect(await screen.findByText(reason)).toBeInTheDocument()
  expect(screen.getByRole('button', { name: 'Deploy' })).toBeDisabled()
  fireEvent.change(screen.getByRole('textbox', { name: 'Training' }), { target: { value: 'epochs=2' } })
  await waitFor(() => expect(written.length).toBeGreaterThan(1))
  expect(written.every((asked) => asked.path === '/api/deployments/check/')).toBe(true)
})

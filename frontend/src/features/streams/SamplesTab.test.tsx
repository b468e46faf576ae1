import { screen, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { expect, test } from 'vitest'
import type { Preview, PreviewColumn, Stream, StreamPreview, StreamSample } from '~/lib/api'
import { PREVIEW } from '~/testing/datasets'
import { platform, show } from '~/testing/page'
import { SamplesTab } from './SamplesTab'

const STREAM = { id: 4, input_format: 'AVRO' } as Stream
const WHERE = { topic: 'copd', partition: 0, label_sample: null, label_text: 'ill', error: null }
const [NUMBER, LABEL] = PREVIEW.columns as [PreviewColumn, PreviewColumn]

function sample(offset: number, shape: number[], values: (number | null)[]): StreamSample {
  return { ...WHERE, offset, features: { shape, dtype: 'float32', values, truncated: false } }
}

async function shown(preview: Partial<StreamPreview>, columns: readonly PreviewColumn[]) {
  const statistics: Preview = { ...PREVIEW, columns: [...columns, LABEL], inputs: [], samples: [], parts: null }
  platform({
    'GET /api/streams/4/preview/': { samples: [], next: null, total: 2000, doubts: [], columns: [], ...preview },
    'GET /api/streams/4/statistics/': statistics,
  })
  await show(<SamplesTab stream={STREAM} search={{}} onSearch={() => {}} />)
}

test('samples that are rows are a table with the names of their columns, and what each of them holds', async () => {
  const bad: StreamSample = { ...sample(9, [], []), features: null, error: { message: 'cut', hint: '', gap: '' } }
  await shown({ columns: ['age', 'smoking'], samples: [sample(8, [2], [61, null]), { ...bad, label_text: null }] }, [
    { ...NUMBER, name: 'age', missing: 0.25 },
  ])
  const table = within(await screen.findByRole('table', { name: 'Samples' }))
  expect(table.getAllByRole('columnheader').map((header) => header.textContent)).toEqual([
    'Record',
    'Label',
    'age',
    'smoking',
  ])
  const [, first, second] = table.getAllByRole('row')
  expect(within(first as HTMLElement).getByText('61')).toHaveAttribute('data-title', 'age')
  expect(within(second as HTMLElement).getByRole('img', { name: 'Not decoded: cut' })).toBeInTheDocument()
  const columns = within(await screen.findByRole('table', { name: 'Columns of the samples' }))
  const cells = columns.getAllByRole('cell').map((cell) => [cell.getAttribute('data-title'), cell.textContent])
  expect(cells.slice(0, 5)).toEqual([
    ['Min', '20'],
    ['Mean', '60'],
    ['Max', '100'],
    ['Missing', '25.0%'],
    ['Distinct', '1,000'],
  ])
  expect(within(screen.getByRole('list', { name: 'Balance of the labels' })).getByText('897')).toBeVisible()
  expect(screen.getByText('Of 1,000 records spread over 2,000.')).toBeVisible()
})

test('pictures stay pictures, with the balance of their labels', async () => {
  await shown({ samples: [sample(8, [4, 4], Array(16).fill(0))] }, [])
  expect(await screen.findByRole('img', { name: 'Sample labelled ill: image of 4 by 4' })).toBeVisible()
  expect(await screen.findByRole('list', { name: 'Balance of the labels' })).toBeVisible()
  expect(screen.queryByRole('table')).toBeNull()
})

test('of many columns some are listed, and the others when they are asked for', async () => {
  const names = Array.from({ length: 50 }, (_, place) => `column ${place + 1}`)
  const columns = names.map((name, place) => ({ ...NUMBER, name, place: `columns.${place}` }))
  await shown({ columns: names, samples: [sample(8, [50], Array(50).fill(1))] }, columns)
  const table = await screen.findByRole('table', { name: 'Columns of the samples' })
  expect(within(table).getAllByRole('row')).toHaveLength(13)
  await userEvent.click(screen.getByRole('button', { name: 'Show 38 more' }))
  expect(within(table).getAllByRole('row')).toHaveLength(51)
  expect(screen.getByText('The first 40 of 50 columns.')).toBeVisible()
})

test('what a data set announced is shown as its contract takes it, and no record is blamed for being one of several', async () => {
  platform({ 'GET /api/streams/4/statistics/': PREVIEW })
  await show(<SamplesTab stream={{ ...STREAM, input_format: 'COLUMNS' }} search={{}} onSearch={() => {}} />)
  expect(await screen.findByRole('table', { name: 'Columns of the samples' })).toBeVisible()
  expect(screen.getByText(/They give 800 training, 100 validation and 100 test samples/)).toBeVisible()
  const samples = within(screen.getByRole('table', { name: 'Samples' }))
  expect(samples.getByRole('columnheader', { name: 'temperature' })).toBeVisible()
  expect(samples.getByText('0.25')).toBeVisible()
})

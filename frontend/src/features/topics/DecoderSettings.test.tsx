import { MantineProvider } from '@mantine/core'
import { fireEvent, render, screen } from '@testing-library/react'
import { expect, test } from 'vitest'
import type { FormatSetting } from '~/lib/api'
import { DecoderSettings } from './DecoderSettings'
import type { TopicSearch } from './search'

const TYPE: FormatSetting = {
  name: 'data_type',
  kind: 'type',
  title: 'Type',
  help: 'type of the numbers',
  example: 'uint8',
  default: 'float32',
  labels: false,
}
const SETTINGS: FormatSetting[] = [
  TYPE,
  { ...TYPE, name: 'data_reshape', kind: 'shape', title: 'Shape', example: '28 28', default: '' },
  { ...TYPE, name: 'label_scheme', kind: 'schema', title: 'Schema of keys', example: '', default: '', labels: true },
]

test('a format is given the settings that it wants, and no empty ones', () => {
  const changes: TopicSearch[] = []
  render(
    <MantineProvider>
      <DecoderSettings settings={SETTINGS} search={{}} onSearch={(change) => changes.push(change)} />
    </MantineProvider>,
  )
  expect(screen.getByLabelText('Type', { selector: 'input' })).toHaveValue('float32')
  expect(screen.getByLabelText('Schema of keys')).toHaveAttribute('placeholder', 'none')
  fireEvent.change(screen.getByLabelText('Shape'), { target: { value: ' 8 8 ' } })
  fireEvent.click(screen.getByRole('button', { name: 'Decode' }))
  expect(changes).toEqual([{ settings: { data_type: 'float32', data_reshape: '8 8' } }])
})

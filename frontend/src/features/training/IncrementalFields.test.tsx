import { MantineProvider } from '@mantine/core'
import { fireEvent, render, screen } from '@testing-library/react'
import { expect, test, vi } from 'vitest'
import { IncrementalFields } from './IncrementalFields'
import { FIRST_INCREMENTAL, type IncrementalValues } from './incremental'

function show(values: Partial<IncrementalValues>, errors: Partial<Record<keyof IncrementalValues, string>> = {}) {
  const onChange = vi.fn()
  render(
    <MantineProvider env="test">
      <IncrementalFields
        values={{ ...FIRST_INCREMENTAL, ...values }}
        onChange={onChange}
        metrics={['accuracy', 'loss']}
        errorOf={(field) => errors[field]}
      />
    </MantineProvider>,
  )
  return onChange
}

test('training that ends on its own says when; training that the user stops does not', () => {
  const onChange = show({})
  expect(screen.getByLabelText('Idle time')).toHaveValue('60 s')
  fireEvent.click(screen.getByLabelText('When somebody stops it'))
  expect(onChange).toHaveBeenCalledWith({ indefinite: true })
})

test('one that a person stops has no time after which it is over', () => {
  show({ indefinite: true })
  expect(screen.queryByLabelText('Idle time')).toBeNull()
  expect(screen.queryByText('Better when')).toBeNull()
})

test('a metric tells its direction by its name, and an unknown one asks for it', () => {
  const onChange = show({ monitoring_metric: 'x', change: '' }, { change: 'Say whether it rises or falls' })
  expect(screen.getByText('Choose one')).toBeInTheDocument()
  expect(screen.getByRole('alert')).toHaveTextContent('Say whether it rises or falls')
  const field = screen.getByPlaceholderText('none: only one version, at the end')
  fireEvent.change(field, { target: { value: 'loss' } })
  expect(onChange).toHaveBeenLastCalledWith({ monitoring_metric: 'loss', change: 'down' })
  fireEvent.change(field, { target: { value: 'accuracy' } })
  expect(onChange).toHaveBeenLastCalledWith({ monitoring_metric: 'accuracy', change: 'up' })
  fireEvent.change(field, { target: { value: 'wealth' } })
  expect(onChange).toHaveBeenLastCalledWith({ monitoring_metric: 'wealth', change: '' })
  fireEvent.click(screen.getByLabelText('it falls'))
  expect(onChange).toHaveBeenLastCalledWith({ change: 'down' })
})

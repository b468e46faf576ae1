import { MantineProvider } from '@mantine/core'
import { fireEvent, render, screen } from '@testing-library/react'
import { useState } from 'react'
import { expect, test } from 'vitest'
import { LimitedInput } from './LimitedInput'
import { NumberField } from './NumberField'

function Fields() {
  const [batch, setBatch] = useState<string | number>(1)
  const [name, setName] = useState('')
  return (
    <MantineProvider env="test">
      <NumberField label="Batch size" min={1} max={1000} value={batch} onChange={setBatch} />
      <LimitedInput label="Name" limit={5} value={name} onChange={(event) => setName(event.currentTarget.value)} />
    </MantineProvider>
  )
}

test('what does not fit stays as it was typed, with an error', () => {
  render(<Fields />)
  const batch = screen.getByLabelText('Batch size')
  fireEvent.change(batch, { target: { value: '999999999' } })
  fireEvent.blur(batch)
  expect(batch).toHaveValue('999999999')
  expect(screen.getByText('999,999,999 is too much: at most 1,000')).toBeVisible()
  fireEvent.change(batch, { target: { value: '0' } })
  expect(screen.getByText('0 is too little: at least 1')).toBeVisible()
  fireEvent.change(batch, { target: { value: '32' } })
  expect(screen.queryByText(/too/)).toBeNull()
  const name = screen.getByLabelText('Name')
  fireEvent.change(name, { target: { value: 'digits of mine' } })
  expect(name).toHaveValue('digits of mine')
  expect(screen.getByText('14 characters: at most 5')).toBeVisible()
  fireEvent.change(name, { target: { value: '😀😀😀😀😀' } })
  expect(screen.queryByText(/characters/)).toBeNull()
})

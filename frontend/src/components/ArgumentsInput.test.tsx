import { fireEvent, screen } from '@testing-library/react'
import { expect, test } from 'vitest'
import { platform, show } from '~/testing/page'
import { ArgumentsInput } from './ArgumentsInput'

const ACCEPTED = [
  { name: 'epochs', meaning: 'passes over the data', expected: 'a whole number', default: '1' },
  { name: 'steps', meaning: 'batches; None: all samples; 3: three', expected: 'a whole number', default: 'None' },
  { name: 'verbose', meaning: 'ignored', expected: '0, 1 or 2', default: "'auto'" },
]

async function field(error?: string) {
  platform({})
  await show(
    <ArgumentsInput
      label="Training"
      description="Arguments as in fit()"
      example="epochs=10, steps=5"
      value=""
      onChange={() => {}}
      accepted={ACCEPTED}
      error={error}
    />,
  )
  return screen.getByRole('textbox', { name: 'Training' })
}

test('a field says what it means while it is empty, and shows no text that it does not hold', async () => {
  const input = await field()
  expect(input).toHaveAccessibleDescription('Arguments as in fit(). Empty means epochs=1, steps=None (all samples).')
  expect(input).not.toHaveAttribute('placeholder')
})

test('what is wrong stands above the field, where the list below it does not cover it', async () => {
  const input = await field('Keras has no argument epoch')
  fireEvent.click(input)
  const list = await screen.findByRole('listbox', { name: 'Training: available arguments' })
  const error = screen.getByText('Keras has no argument epoch')
  expect(error.compareDocumentPosition(input)).toBe(Node.DOCUMENT_POSITION_FOLLOWING)
  expect(list.closest('[data-position]')).toHaveAttribute('data-position', 'bottom')
})

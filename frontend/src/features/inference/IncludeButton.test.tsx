import { fireEvent, screen, waitFor } from '@testing-library/react'
import { expect, test } from 'vitest'
import { inference } from '~/testing/inference'
import { platform, Refusal, show } from '~/testing/page'
import { IncludeButton } from './IncludeButton'

test('what answers carry is changed while it runs, and a refusal stays next to it', async () => {
  const asked = platform({
    'PATCH /api/inferences/3/': ({ body }: { body: { include: string[] } }) =>
      body.include.includes('machin') ? new Refusal(400, 'which is neither a column nor a field') : inference(body),
  })
  await show(<IncludeButton inference={inference({ include: ['machin'] })} names={['machine', '_offset']} />)
  fireEvent.click(screen.getByText('Change what answers include'))
  const field = await screen.findByLabelText('Predictions include', { selector: 'input' })
  expect(screen.getByRole('button', { name: 'Change' })).toBeDisabled()
  const type = (name: string) => {
    fireEvent.change(field, { target: { value: name } })
    fireEvent.keyDown(field, { key: 'Enter' })
  }
  type('site.name')
  fireEvent.click(screen.getByRole('button', { name: 'Change' }))
  expect(await screen.findByText('which is neither a column nor a field')).toBeInTheDocument()
  fireEvent.keyDown(field, { key: 'Backspace' })
  fireEvent.keyDown(field, { key: 'Backspace' })
  type('_offset')
  fireEvent.click(screen.getByRole('button', { name: 'Change' }))
  await waitFor(() => expect(screen.queryByRole('button', { name: 'Change' })).toBeNull())
  expect(asked.map(({ body }) => body)).toEqual([{ include: ['machin', 'site.name'] }, { include: ['_offset'] }])
})

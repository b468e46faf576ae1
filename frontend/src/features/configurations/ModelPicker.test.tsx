import { fireEvent, screen } from '@testing-library/react'
import { useState } from 'react'
import { expect, test } from 'vitest'
import type { ModelRow } from '~/lib/api'
import { page, platform, show } from '~/testing/page'
import { ModelPicker } from './ModelPicker'

const FAST = { hidden: true }

function model(id: number, name: string, upper_model: number | null = null, distributed = true): ModelRow {
  return { id, name, upper_model, distributed, framework: 'tensorflow', report: {} } as ModelRow
}

function Form({ first }: { first: number[] }) {
  const [value, setValue] = useState(first)
  return (
    <>
      <ModelPicker value={value} onChange={setValue} error={null} summary={(units) => `${units.length} chosen`} />
      <output>{value.join(' ')}</output>
    </>
  )
}

test('a chain is chosen and taken out whole, and any of its sub-models stands for it', async () => {
  platform({
    'GET /api/models/': ({ path }: { path: string }) =>
      path.includes('distributed=true')
        ? page(model(1, 'cloud'), model(2, 'edge', 1))
        : page(model(3, 'plain', null, false)),
  })
  await show(<Form first={[2]} />)
  const chain = await screen.findByRole('checkbox', { ...FAST, name: 'Use edge and cloud' })
  expect(chain).toBeChecked()
  expect(screen.getByText('1 chosen')).toBeInTheDocument()
  fireEvent.click(screen.getByRole('button', { ...FAST, name: 'Remove edge and cloud' }))
  expect(screen.getByRole('status', FAST)).toHaveTextContent('')
  fireEvent.click(screen.getByRole('checkbox', { ...FAST, name: 'Use plain' }))
  fireEvent.click(chain)
  expect(screen.getByText('3 2 1')).toBeInTheDocument()
  expect(screen.getByText('2 chosen')).toBeInTheDocument()
})

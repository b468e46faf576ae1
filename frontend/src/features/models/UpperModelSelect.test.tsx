import { fireEvent, screen } from '@testing-library/react'
import { useState } from 'react'
import { expect, test } from 'vitest'
import type { ModelRow, Report } from '~/lib/api'
import { page, platform, show } from '~/testing/page'
import { ModelChain } from './ModelChain'
import { UpperModelSelect } from './UpperModelSelect'

const FAST = { hidden: true }
const spec = (...shape: number[]) => ({ name: 'x', dtype: 'float32', shape: [null, ...shape] })
const REPORT = { inputs: [spec(28, 28)], outputs: [spec(32), spec(10)] } as Report

function subModel(id: number, name: string, upper_model: number | null): ModelRow {
  const report = { inputs: [spec(64)], outputs: upper_model === null ? [spec(10)] : [spec(64), spec(10)] }
  return { id, name, upper_model, framework: 'tensorflow', distributed: true, report } as ModelRow
}

function Form() {
  const [upper, setUpper] = useState<string | null>(null)
  return (
    <>
      <UpperModelSelect own={undefined} framework="tensorflow" value={upper} onChange={setUpper} error="a gap" />
      <ModelChain own={undefined} name="edge" upper={upper} report={REPORT} />
    </>
  )
}

test('the chain is drawn as it will be, and a sub-model that has a lower one says so and cannot be chosen', async () => {
  const torch = { ...subModel(3, 'torch', null), framework: 'pytorch' as const }
  platform({ 'GET /api/models/': page(subModel(1, 'cloud', null), subModel(2, 'fog', 1), torch) })
  await show(<Form />)
  const chain = screen.getByRole('list', { ...FAST, name: 'Chain of sub-models, the top first' })
  expect(chain.textContent).toMatch(/^edge/)
  expect(screen.getByText('a gap')).toBeInTheDocument()
  fireEvent.click(screen.getByRole('combobox', { ...FAST, name: 'Upper model' }))
  const options = await screen.findAllByRole('option', FAST)
  expect(options.map((option) => option.textContent)).toEqual(['cloud (model 1, above fog already)', 'fog (model 2)'])
  expect(options[0]).toHaveAttribute('data-combobox-disabled')
  fireEvent.click(options[1] as HTMLElement)
  expect(chain.textContent).toMatch(/^cloud.*fog.*sends 32, fog takes 64.*edge/)
})

import { MantineProvider } from '@mantine/core'
import { fireEvent, render, screen } from '@testing-library/react'
import { expect, test, vi } from 'vitest'
import type { Choice } from '~/lib/units'
import { KERAS } from '~/testing/frameworks'
import { ChainFields } from './ChainFields'
import { FIRST_CHAIN } from './chain'

function part(id: number, name: string): Choice {
  const shapes = { inputs: [], outputs: [], parameters: 1 }
  return { id, name, framework: 'tensorflow', distributed: true, upper_model: null, ...shapes }
}

test('what all exits have is filled in, and each has a weight and its own refusal', () => {
  const onChange = vi.fn()
  const errors: Record<string, string> = { learning_rate: 'above 0', 'loss_weights.edge': 'at least 0' }
  render(
    <MantineProvider env="test">
      <ChainFields
        chains={[[part(2, 'edge'), part(1, 'cloud')]]}
        frameworks={[KERAS]}
        values={FIRST_CHAIN}
        onChange={onChange}
        errorOf={(field) => errors[field]}
      />
    </MantineProvider>,
  )
  expect(screen.getByText('edge → cloud')).toBeInTheDocument()
  expect(screen.getByLabelText('Optimizer', { selector: 'input' })).toHaveValue('adam')
  expect(screen.getByLabelText('Learning rate')).toHaveValue('0.001')
  expect(screen.getByLabelText('Learning rate')).toHaveAccessibleDescription(/above 0/)
  expect(screen.getByLabelText('edge')).toHaveAccessibleDescription(/at least 0/)
  fireEvent.change(screen.getByLabelText('cloud'), { target: { value: '0.5' } })
  expect(onChange).toHaveBeenCalledWith({ loss_weights: { cloud: 0.5 } })
})

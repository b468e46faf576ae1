import { MantineProvider } from '@mantine/core'
import { render, screen } from '@testing-library/react'
import { expect, test } from 'vitest'
import { CheckResult } from './CheckDialog'

test('each thing that was tried says whether it works, and what to do where it does not', () => {
  render(
    <MantineProvider>
      <CheckResult
        check={{
          ok: false,
          version: 'v1.36.0',
          seconds: 0.2,
          steps: [
            { name: 'connection', ok: true, needed: true, detail: 'Kubernetes v1.36.0', hint: '' },
            { name: 'keda', ok: false, needed: false, detail: 'KEDA is not installed', hint: 'install it' },
            { name: 'pods', ok: false, needed: true, detail: 'may not list in jobs', hint: 'bind the role' },
          ],
        }}
      />
    </MantineProvider>,
  )
  expect(screen.getByRole('status')).toHaveTextContent('inferences cannot run there')
  expect(screen.getByRole('row', { name: /connection works/ })).toBeInTheDocument()
  expect(screen.getByRole('row', { name: /keda not needed, but missing KEDA is not installed/ })).toBeInTheDocument()
  expect(screen.getByRole('row', { name: /pods fails may not list in jobs What to do: bind the role/ })).toBeVisible()
})

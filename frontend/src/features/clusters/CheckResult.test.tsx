import { MantineProvider } from '@mantine/core'
import { render, screen } from '@testing-library/react'
import { expect, test } from 'vitest'
import { CheckResult } from './CheckDialog'

// Skips the check for visibility, which costs jsdom seconds, because all cells are visible.
const FAST = { hidden: true }

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
  expect(screen.getByRole('status', FAST).textContent).toBe('inferences cannot run thereKubernetes v1.36.0')
  const [, ...rows] = screen.getAllByRole('row', FAST)
  expect(rows.map((row) => [...row.children].map((cell) => cell.textContent))).toEqual([
    ['connection', 'works', 'Kubernetes v1.36.0'],
    ['keda', 'missing (optional)', 'KEDA is not installedWhat to do: install it'],
    ['pods', 'fails', 'may not list in jobsWhat to do: bind the role'],
  ])
})

import { MantineProvider } from '@mantine/core'
import { render, screen } from '@testing-library/react'
import { expect, test } from 'vitest'
import type { Failure } from '~/lib/api'
import { FailureAlert, isHeldUp } from './FailureAlert'

const UNSCHEDULABLE: Failure = {
  category: 'configuration',
  cause: 'no node has room for the pod: 0/2 nodes are available',
  hint: 'add a node, or ask for fewer GPUs',
  traceback_text: '',
  line: null,
  source: '',
}

function show(heldUp: boolean, serves = false) {
  render(
    <MantineProvider>
      <FailureAlert failure={UNSCHEDULABLE} heldUp={heldUp} serves={serves} />
    </MantineProvider>,
  )
}

test('what keeps some replicas from running is shown while others serve', () => {
  show(true, true)
  expect(screen.getByRole('status')).toHaveTextContent(
    'Some replicas cannot run: Something is missing on this platform',
  )
})

test('what keeps a run from starting is shown with its hint, and not as an alarm', () => {
  show(true)
  const note = screen.getByRole('status')
  expect(note).toHaveTextContent('It cannot run yet: Something is missing on this platform')
  expect(note).toHaveTextContent('no node has room')
  expect(note).toHaveTextContent('What to do: add a node, or ask for fewer GPUs')
})

test('one of several failures says whose it is', () => {
  render(
    <MantineProvider>
      <FailureAlert failure={UNSCHEDULABLE} of="pumps-keras" />
    </MantineProvider>,
  )
  expect(screen.getByRole('alert')).toHaveTextContent(/^pumps-keras: Something is missing/)
})

test('a failure is an alarm', () => {
  show(false)
  expect(screen.getByRole('alert')).toHaveTextContent(/^Something is missing on this platformno node has room/)
})

test('only a failure of an attempt that still waits is an obstacle', () => {
  const held = { state: 'waiting', failure: UNSCHEDULABLE, next_retry_at: null }
  expect(isHeldUp(held)).toBe(true)
  expect(isHeldUp({ ...held, state: 'running' })).toBe(true)
  expect(isHeldUp({ ...held, failure: null })).toBe(false)
  expect(isHeldUp({ ...held, state: 'failed' })).toBe(false)
  // The last attempt failed and will be tried again.
  expect(isHeldUp({ ...held, next_retry_at: '2026-01-01T00:00:00Z' })).toBe(false)
})

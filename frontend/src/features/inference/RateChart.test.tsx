import { MantineProvider } from '@mantine/core'
import { render, screen } from '@testing-library/react'
import { expect, test } from 'vitest'
import { RateChart } from './RateChart'

function show(state: 'running' | 'stopped') {
  return render(
    <MantineProvider>
      <RateChart inference={{ id: 1, state }} points={[]} />
    </MantineProvider>,
  ).container
}

test('a running inference waits for what its replicas report', () => {
  const shown = show('running')
  expect(shown.querySelector('.mantine-Skeleton-root')).not.toBeNull()
  expect(screen.getByText(/Updated every two seconds/)).toBeVisible()
})

test('of a stopped inference nothing is waited for', () => {
  const shown = show('stopped')
  expect(shown.querySelector('.mantine-Skeleton-root')).toBeNull()
  expect(screen.getByText(/No replica is running/)).toBeVisible()
})

import { act, screen } from '@testing-library/react'
import { expect, test } from 'vitest'
import { formatClock } from '~/lib/format'
import { show } from '~/testing/page'
import { LiveMark } from './LiveMark'

test('what is not live has the time that it is of', async () => {
  await show(<LiveMark />)
  expect(screen.getByRole('button', { name: 'connecting' })).toBeVisible()
  act(() => void window.dispatchEvent(new Event('offline')))
  try {
    const mark = screen.getByRole('button', { name: /^reconnecting, as of / })
    expect(mark).toHaveTextContent(/as of \d\d:\d\d:\d\d$/)
  } finally {
    // The state is restored while something listens. Otherwise the shared online state would stay offline for all later
    // tests.
    act(() => void window.dispatchEvent(new Event('online')))
  }
  expect(formatClock(new Date(2026, 0, 1, 12, 3, 11).getTime())).toBe('12:03:11')
})

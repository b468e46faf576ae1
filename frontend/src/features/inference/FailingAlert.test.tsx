import { screen } from '@testing-library/react'
import { expect, test } from 'vitest'
import { FailingAlert } from '~/components/FailingAlert'
import { InferenceBadge } from '~/components/InferenceBadge'
import type { Failing } from '~/lib/api'
import { inference } from '~/testing/inference'
import { show } from '~/testing/page'
import { stateTooltip } from './InferenceListPage'

const REASON = 'all 5,020 records became dead letters in the last few minutes'
const FAILING: Failing = {
  kind: 'dead_letters',
  reason: REASON,
  hint: 'look at them',
  since: '2026-01-01T00:00:00Z',
}
const FAILS = inference({ failing: FAILING })

/** Alerts of notifications are left out, because other tests of the same document may have left some. */
function shownAlert() {
  return screen.getByRole('alert', { name: /^Failing/ })
}

test('an inference that fails says so in red in place of its state', async () => {
  await show(
    <>
      <InferenceBadge inference={FAILS} />
      <InferenceBadge inference={inference()} />
    </>,
  )
  expect(screen.getByText('failing').closest('.mantine-Badge-root')).toHaveStyle({ color: 'var(--kml-failed)' })
  expect(screen.getAllByText('running')).toHaveLength(1)
  expect(stateTooltip(FAILS)).toBe(REASON)
})

test('its page says why, and leads to the dead letters', async () => {
  await show(<FailingAlert inference={FAILS} failing={FAILING} />)
  const alert = shownAlert()
  expect(alert).toHaveTextContent(`A${REASON.slice(1)} (began `)
  expect(alert).toHaveTextContent('What to do: look at them')
  expect(screen.getByRole('link')).toHaveAttribute('href', '/inference/3?tab=letters')
})

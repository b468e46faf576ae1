import { screen } from '@testing-library/react'
import { expect, test } from 'vitest'
import { show } from '~/testing/page'
import { SameRecords } from './SameRecords'

test('a stream whose records were announced before leads to the first of them', async () => {
  await show(
    <p>
      <SameRecords stream={{ same_as: 5 }} />
      <SameRecords stream={{ same_as: null }} />
    </p>,
  )
  expect(screen.getByText(/same records as/)).toHaveTextContent(/^same records as stream 5$/)
  expect(screen.getByRole('link')).toHaveAttribute('href', '/streams/5')
})

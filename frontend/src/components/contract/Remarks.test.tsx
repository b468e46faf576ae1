import { screen } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { beforeEach, expect, test } from 'vitest'
import type { Remark } from '~/lib/api'
import { show } from '~/testing/page'
import { Remarks } from './Remarks'

beforeEach(() => localStorage.clear())

const REMARK: Remark = { code: 'constant', severity: 'warning', path: ['unit'], message: 'unit is always C', hint: '' }
const ERROR: Remark = { ...REMARK, code: 'undecodable', severity: 'error', path: [], message: 'nothing can be read' }

test('one remark is dismissed alone and comes back, an error stays', async () => {
  await show(<Remarks name="machines" label="Noticed" remarks={[REMARK, ERROR]} />)
  const user = userEvent.setup()
  await user.click(await screen.findByRole('button', { name: 'Hide: unit is always C' }))
  expect(screen.queryByText('unit is always C')).toBeNull()
  expect(screen.getByText('nothing can be read')).toBeVisible()
  expect(screen.queryByRole('button', { name: /^Hide/ })).toBeNull()
  await user.click(screen.getByRole('button', { name: 'Show 1 hidden remark' }))
  expect(screen.getByText('unit is always C')).toBeVisible()
})

import { screen } from '@testing-library/react'
import { expect, test } from 'vitest'
import { type Asked, page, platform, show } from '~/testing/page'
import { AuditPage } from './AuditPage'

const ENTRY = { at: '2026-11-20T10:00:00Z', actor: 'ada', action: 'change', result: 'ok', before: '', after: '' }
const LONG = 'a'.repeat(40)

test('objects lead to their pages, where there is one', async () => {
  const entries = [
    { object_type: 'mlmodel', object_id: '7' },
    { object_type: 'topic', object_id: 'machines' },
    { object_type: 'topic', object_id: LONG },
    { object_type: 'inference', object_id: '3', action: 'delete' },
    { object_type: 'user', object_id: '2' },
  ].map((entry, id) => ({ ...ENTRY, id, detail: '', address: '', ...entry }))
  let asked = ''
  platform({
    'GET /api/audit/': ({ path }: Asked) => {
      asked = path
      return page(...entries)
    },
  })
  await show(<AuditPage />, { role: 'admin', at: '/audit' })
  expect(await screen.findByRole('link', { name: 'model 7' })).toHaveAttribute('href', '/models/7')
  expect(screen.getByRole('link', { name: 'topic machines' })).toHaveAttribute('href', '/topics/machines')
  expect(screen.getAllByRole('link')).toHaveLength(2)
  expect(screen.getByText('inference 3')).toBeInTheDocument()
  expect(screen.getByText(`topic ${LONG}`)).toBeInTheDocument()
  expect(asked).not.toContain('people')
})

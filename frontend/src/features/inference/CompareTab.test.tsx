import { screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { expect, test, vi } from 'vitest'
import type { Inference } from '~/lib/api'
import { comparison, inference, version, withCanary } from '~/testing/inference'
import { page, platform, Refusal, show } from '~/testing/page'
import { CompareTab } from './CompareTab'

vi.mock('~/components/charts/Chart', () => ({ ChartFrame: ({ label }: { label: string }) => <i>{label}</i> }))

// Skips the check for visibility, which costs jsdom seconds, because everything here is visible.
const FAST = { hidden: true }
const button = (name: string) => screen.findByRole('button', { ...FAST, name })

function answers(more: Record<string, unknown> = {}, shadows: Inference[] = []) {
  return platform({
    'GET /api/results/7/versions/': page(version(2, { current: true }), version(1)),
    'GET /api/inferences/': page(...shadows),
    ...more,
  })
}

test('a canary is started with share, labels and a rule, in fractions', async () => {
  const asked = answers({ 'POST /api/inferences/3/canary/': withCanary() })
  await show(<CompareTab inference={inference()} />)
  const user = userEvent.setup({ pointerEventsCheck: 0 })
  await user.click(await button('Start a canary…'))
  await user.click(await button('Start'))
  expect(await screen.findByText('Choose a version')).toBeInTheDocument()
  await user.click(screen.getByRole('combobox', { ...FAST, name: 'Version' }))
  await user.click(await screen.findByRole('option', { ...FAST, name: /^Version 2, current/ }))
  await user.click(screen.getByRole('switch', FAST))
  await user.click(screen.getByRole('combobox', { ...FAST, name: 'Criterion' }))
  await user.click(await screen.findByRole('option', { ...FAST, name: 'Accuracy of each' }))
  await user.click(await button('Start'))
  expect(await screen.findByText(/Only with record keys as correct labels/)).toBeInTheDocument()
  await user.click(screen.getByRole('checkbox', { ...FAST, name: /^Record keys/ }))
  expect(screen.getByText(/right for at least 1.0% more of them than the other/)).toBeInTheDocument()
  await user.click(await button('Start'))
  await waitFor(() => expect(screen.queryByRole('dialog', FAST)).toBeNull())
  expect(asked).toEqual([
    {
      method: 'POST',
      path: '/api/inferences/3/canary/',
      body: {
        version: 2,
        share: 0.1,
        keyed: false,
        labelled: true,
        rule: { metric: 'accuracy', at_least: 0.01, records: 1000 },
      },
    },
  ])
})

test('a shadow that is refused says why next to its field, and the dialog stays', async () => {
  const refusal = new Refusal(400, 'refused', { output_topic: 'taken is in use' })
  const asked = answers({ 'POST /api/inferences/3/shadow/': refusal })
  await show(<CompareTab inference={inference()} />)
  const user = userEvent.setup({ pointerEventsCheck: 0 })
  await user.click(await button('Start a shadow…'))
  await user.click(screen.getByRole('combobox', { ...FAST, name: 'Version' }))
  await user.click(await screen.findByRole('option', { ...FAST, name: /^Version 2/ }))
  await user.type(screen.getByLabelText('Topic for its predictions'), 'taken')
  await user.click(await button('Start'))
  await waitFor(() => expect(screen.getAllByText(/taken is in use/).length).toBeGreaterThan(1))
  expect(screen.getByLabelText('Topic for its predictions')).toHaveAttribute('aria-invalid', 'true')
  expect(asked[0]?.body).toEqual({ version: 2, labelled: false, rule: null, output_topic: 'taken' })
})

test('without another version, or stopped, nothing can be started and the reason is there', async () => {
  platform({ 'GET /api/results/7/versions/': page(version(1)), 'GET /api/inferences/': page() })
  await show(<CompareTab inference={inference({ desired: 'stopped' })} />)
  expect(await screen.findByText(/There is no other version to compare with/)).toBeInTheDocument()
  expect(screen.getByText(/It is stopped and receives no records/)).toBeInTheDocument()
  expect(await button('Start a canary…')).toBeDisabled()
  expect(await button('Start a shadow…')).toBeDisabled()
})

test('who may only look sees the figures and no buttons', async () => {
  answers()
  await show(<CompareTab inference={withCanary()} />, { role: 'viewer' })
  expect(await screen.findByText('version 2 answers 10.0% of the keys')).toBeInTheDocument()
  expect(screen.getByText('95.0%')).toBeInTheDocument()
  expect(screen.getByText('10.0% of 200 records received')).toBeInTheDocument()
  expect(screen.queryByRole('button', { ...FAST, name: /Promote/ })).toBeNull()
})

test('before the first record nothing is claimed', async () => {
  answers()
  const none = comparison({ records: 0, compared: 0, agreed: 0, mean_difference: 0 })
  const rule = { metric: 'agreement', at_least: 0.95, records: 1000 } as const
  const challenger = { version: 2, kind: 'canary', share: 0.1, labelled: true, rule } as const
  await show(<CompareTab inference={withCanary({ comparison: none, challenger })} />)
  expect(await screen.findByText('no records yet')).toBeInTheDocument()
  expect(screen.getByText('0 of 1,000; no decision yet')).toBeInTheDocument()
  expect(screen.getAllByText('no labelled records')).toHaveLength(2)
  expect(screen.queryByText(/^How many answers/)).toBeNull()
})

test('promoting and dropping take one click; a refusal is shown where it was asked for', async () => {
  const gone = new Refusal(409, 'inference 3 has no challenger')
  const asked = answers({ 'POST /api/inferences/3/promote/': gone, 'POST /api/inferences/3/drop/': inference() })
  await show(<CompareTab inference={withCanary({ follows: true })} />)
  const user = userEvent.setup({ pointerEventsCheck: 0 })
  expect(await screen.findByText(/then stays at the promoted version/)).toBeInTheDocument()
  await user.click(await button('Promote version 2'))
  const alert = await screen.findByRole('alert', FAST)
  expect(alert).toHaveTextContent('It was not promoted')
  expect(alert).toHaveTextContent('inference 3 has no challenger')
  await user.click(await button('Drop version 2'))
  expect(await screen.findByText('Version 2 dropped')).toBeInTheDocument()
  expect(asked.map((request) => request.path)).toEqual(['/api/inferences/3/promote/', '/api/inferences/3/drop/'])
})

test('a shadow names what it shadows; one that ended says what became of it and can do no more', async () => {
  answers()
  const ended = {
    version: 2,
    champion: 1,
    kind: 'shadow',
    promoted: true,
    why: 'the same answer to 99.00% of 100 records',
    by: 'system',
    at: new Date().toISOString(),
    found: comparison({ compared: 100, agreed: 99 }),
  } as const
  const challenger = { version: 2, kind: 'shadow', share: 1, labelled: false, rule: null } as const
  await show(<CompareTab inference={withCanary({ shadow_of: 9, challenger, last_challenge: ended })} />)
  expect(await screen.findByRole('link', { ...FAST, name: 'inference 9' })).toBeInTheDocument()
  expect(
    screen.getByText(/^Version 2, a shadow next to version 1, was promoted by the platform just now/),
  ).toHaveTextContent('the same answer to 99.00% of 100 records.')
  expect(screen.queryByRole('button', { ...FAST, name: /Promote/ })).toBeNull()
})

test('the outcome of the last one is shown, and the shadows that there are', async () => {
  const last = {
    version: 2,
    champion: 1,
    kind: 'canary',
    promoted: false,
    why: '',
    by: 'maria',
    at: new Date().toISOString(),
    found: comparison({ compared: 0 }),
  } as const
  const challenger = { version: 2, kind: 'shadow', share: 1, labelled: false, rule: null } as const
  answers({}, [withCanary({ id: 12, shadow_of: 3, challenger })])
  await show(<CompareTab inference={inference({ last_challenge: last })} />)
  expect(
    await screen.findByText('Version 2, a canary next to version 1, was dropped by maria just now.'),
  ).toBeInTheDocument()
  expect(screen.queryByText(/Found by then/)).toBeNull()
  const rows = within(await screen.findByRole('table', FAST)).getAllByRole('row', FAST)
  expect([...(rows[1]?.children ?? [])].map((cell) => cell.textContent)).toEqual([
    '12',
    '2',
    'running',
    '20',
    '95.0%',
    'in progress',
  ])
})

test('figures are grey once nothing was heard for five seconds, until a replica speaks again', async () => {
  answers()
  const { rerender: _, unmount } = await show(<CompareTab inference={withCanary()} />)
  const live = await screen.findByRole('region', { ...FAST, name: 'Live comparison' })
  expect(live).not.toHaveAttribute('data-silent')
  unmount()
  const long = new Date(Date.now() - 3_600_000).toISOString()
  const stats = [{ replica: 0, state: 'running', updated_at: long }] as unknown as Inference['replica_stats']
  await show(<CompareTab inference={withCanary({ replica_stats: stats })} />)
  expect(await screen.findByText(/No replica has reported for more than 5 seconds/)).toBeInTheDocument()
})

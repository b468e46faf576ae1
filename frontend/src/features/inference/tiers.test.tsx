import { fireEvent, screen, waitFor } from '@testing-library/react'
import { expect, test } from 'vitest'
import { inference } from '~/testing/inference'
import { platform, Refusal, show } from '~/testing/page'
import { checkForm, type DeployForm, EMPTY_FORM, equivalentsOf, requestOf, sentence } from './deploy'
import { LimitButton } from './LimitButton'
import { exitsText, handsUp, isUpper, leftHere, suggestionOf, upperFormat } from './tiers'

const TIER: DeployForm = {
  ...EMPTY_FORM,
  result: '7',
  input_topic: 'in',
  output_topic: 'out',
  upper_topic: 'up',
  limit: 0.8,
}

test('a tier hands up by a limit and a topic, both or none', () => {
  expect(checkForm(TIER)).toEqual({})
  expect(checkForm({ ...TIER, limit: '' })).toHaveProperty('limit')
  expect(checkForm({ ...TIER, upper_topic: '' })).toHaveProperty('upper_topic')
  expect(checkForm({ ...TIER, limit: 1.5 }).limit).toBe('Between 0 and 1')
  expect(requestOf(TIER)).toMatchObject({ upper_topic: 'up', limit: 0.8 })
  expect(requestOf({ ...TIER, upper_topic: '', limit: '' })).not.toHaveProperty('limit')
  expect(equivalentsOf(TIER).cli).toContain('--upper-topic up')
  const format = upperFormat({ inputs: [{ name: 'x', dtype: 'float32', shape: [null, 64] }] })
  expect(sentence(TIER, 'fog', format)).toContain(
    'reads in as RAW, float32, 64, from its first record, and each record goes on exactly once: to up if its prediction is below 0.8',
  )
  expect(sentence({ ...TIER, upper_bootstrap_servers: 'far:9092' }, 'fog', format)).toContain('at least once')
})

test('the top hands nothing up, and the lowest reads no other tier', () => {
  expect([
    handsUp({ tier: 0, leader: 3 }),
    handsUp({ tier: 2, leader: null }),
    handsUp({ tier: null, leader: null }),
  ]).toEqual([true, false, false])
  expect([isUpper({ tier: 0 }), isUpper({ tier: 1 }), isUpper({ tier: null })]).toEqual([false, true, false])
})

test('a tier is suggested what fits its chain; a limit that nothing speaks for is left to the user', () => {
  const tier = (result: number, upper_topic: string, limit: number | null) => ({
    ...{ result, model: result, model_name: `tier ${result}`, input_topic: `to-${result}`, upper_topic, limit },
    least_limit: null,
    served_by: null,
  })
  const tiers = [tier(1, 'to-2', 0.8), tier(2, 'to-3', null), tier(3, '', null)]
  const proposal = { result: 3, input_topic: 'to-1', output_topic: 'out', tiers, obstacle: '' }
  const of = (result: number) => suggestionOf(proposal, result)
  expect(of(1)).toEqual({ result: 1, input_topic: 'to-1', output_topic: 'out', upper_topic: 'to-2', limit: 0.8 })
  expect(of(2)).toMatchObject({ input_topic: 'to-2', upper_topic: 'to-3', limit: '' })
  expect(of(3)).toMatchObject({ upper_topic: '', limit: '' })
  expect(of(4)).toBeUndefined()
})

test('the share that leaves is of what came since the limit was set', () => {
  const tier = inference({ exits: { limit: 0.8, predicted: 200, sent_up: 50 } })
  expect(leftHere(tier)).toBe(0.75)
  expect(exitsText(tier)).toBe('limit 0.8, of 200 records since it was set')
  expect(leftHere(inference({ exits: { limit: 0.8, predicted: 0, sent_up: 0 } }))).toBeNull()
})

test('the limit is changed while it runs, and a refusal stays next to it', async () => {
  const asked = platform({
    'PATCH /api/inferences/3/': ({ body }: { body: { limit: number } }) =>
      body.limit < 0.1 ? new Refusal(422, 'nothing would go up') : inference({ limit: body.limit }),
  })
  await show(<LimitButton inference={inference({ upper_topic: 'up' })} limit={0.8} />)
  fireEvent.click(screen.getByText('Limit 0.8'))
  const field = await screen.findByLabelText('Limit')
  fireEvent.change(field, { target: { value: '0.05' } })
  fireEvent.click(screen.getByText('Set the limit'))
  expect(await screen.findByText('nothing would go up')).toBeInTheDocument()
  fireEvent.change(field, { target: { value: '0.9' } })
  fireEvent.click(screen.getByText('Set the limit'))
  await waitFor(() => expect(screen.queryByLabelText('Limit')).toBeNull())
  expect(asked.map(({ body }) => body)).toEqual([{ limit: 0.05 }, { limit: 0.9 }])
})

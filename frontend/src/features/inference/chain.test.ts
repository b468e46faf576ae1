import { expect, test } from 'vitest'
import type { ChainProposal } from '~/lib/api'
import { chainEquivalents, chainRequest, chainSentence, limitsOf, valuesOf } from './chain'

const PROPOSAL: ChainProposal = {
  result: 3,
  input_topic: 'digits-in',
  output_topic: 'digits-out',
  tiers: [
    { result: 1, model: 'edge', input_topic: 'digits-in', upper_topic: 'digits-fog', limit: 0.8, least_limit: 0.1 },
    { result: 2, model: 'fog', input_topic: 'digits-fog', upper_topic: 'digits-cloud', limit: null, least_limit: 0.1 },
    { result: 3, model: 'cloud', input_topic: 'digits-cloud', upper_topic: '', limit: null, least_limit: null },
  ],
  obstacle: '',
}

test('begins as proposed, with limits that were chosen before', () => {
  expect(valuesOf(PROPOSAL, []).tiers.map(({ limit }) => limit)).toEqual([0.8, '', null])
  expect(valuesOf(PROPOSAL, limitsOf(',0.7')).tiers.map(({ limit }) => limit)).toEqual([0.8, 0.7, null])
  expect(limitsOf('2,x,0.5')).toEqual([undefined, undefined, 0.5])
})

test('sends each tier what it hands up by, and the top nothing of it', () => {
  const request = chainRequest(3, valuesOf(PROPOSAL, limitsOf(',0.7')))
  expect(request.tiers).toEqual([
    { result: 1, replicas: 1, limit: 0.8, upper_topic: 'digits-fog' },
    { result: 2, replicas: 1, limit: 0.7, upper_topic: 'digits-cloud' },
    { result: 3, replicas: 1 },
  ])
  const { cli } = chainEquivalents(request)
  expect(cli).toContain('create-chain 3')
  expect(cli).toMatch(/--limit 0.8[\s\S]*--limit 0.7[\s\S]*--upper-topic digits-fog[\s\S]*--upper-topic digits-cloud/)
  const more = { ...request, tiers: request.tiers?.map((each) => ({ ...each, replicas: 2 })) ?? [] }
  expect(chainEquivalents(more).cli).toContain('# replicas')
})

test('says the way of a sample', () => {
  expect(chainSentence(valuesOf(PROPOSAL, limitsOf(',0.7')))).toContain(
    'edge hands what is less sure than 0.8 to digits-fog; fog hands what is less sure than 0.7 to digits-cloud; cloud answers the rest',
  )
})

import { expect, test } from 'vitest'
import type { ChainProposal } from '~/lib/api'
import { chainCheckOf, chainEquivalents, chainRequest, chainSentence, limitsOf, valuesOf } from './chain'

const PROPOSAL: ChainProposal = {
  result: 3,
  input_topic: 'digits-in',
  output_topic: 'digits-out',
  tiers: [
    {
      result: 1,
      model: 3,
      model_name: 'edge',
      input_topic: 'digits-in',
      upper_topic: 'digits-fog',
      limit: 0.8,
      least_limit: 0.1,
      served_by: null,
    },
    {
      result: 2,
      model: 2,
      model_name: 'fog',
      input_topic: 'digits-fog',
      upper_topic: 'digits-cloud',
      limit: null,
      least_limit: 0.1,
      served_by: null,
    },
    {
      result: 3,
      model: 1,
      model_name: 'cloud',
      input_topic: 'digits-cloud',
      upper_topic: '',
      limit: null,
      least_limit: null,
      served_by: null,
    },
  ],
  obstacle: '',
}

test('begins as proposed, with limits that were chosen before', () => {
  expect(valuesOf(PROPOSAL, []).tiers.map(({ limit }) => limit)).toEqual([0.8, '', null])
  expect(valuesOf(PROPOSAL, limitsOf(',0.7')).tiers.map(({ limit }) => limit)).toEqual([0.8, 0.7, null])
  expect(limitsOf('2,x,0.5')).toEqual([undefined, undefined, 0.5])
})

test('sends each tier what it hands up by, and the top nothing of it', () => {
  const values = valuesOf(PROPOSAL, limitsOf(',0.7'))
  const request = chainRequest(3, values)
  expect(request.tiers).toEqual([
    { result: 1, replicas: 1, limit: 0.8, upper_topic: 'digits-fog' },
    { result: 2, replicas: 1, limit: 0.7, upper_topic: 'digits-cloud' },
    { result: 3, replicas: 1 },
  ])
  const { cli } = chainEquivalents(request, values)
  expect(cli).toContain('create-chain 3')
  expect(cli).toMatch(/--limit 0.8[\s\S]*--limit 0.7[\s\S]*--upper-topic digits-fog[\s\S]*--upper-topic digits-cloud/)
  expect(cli).not.toContain('--replicas')
})

test('sends what is of one tier alone, by its name on the command line', () => {
  const values = valuesOf(PROPOSAL, limitsOf(',0.7'))
  const tiers = values.tiers.map((tier, place) =>
    place === 2
      ? { ...tier, replicas: 3, gpu: 1, cluster: '4' }
      : { ...tier, upper_bootstrap_servers: place === 0 ? 'central:9092' : '', replicas: place },
  )
  const request = chainRequest(3, { ...values, tiers })
  expect(request.tiers?.[0]).toMatchObject({ upper_bootstrap_servers: 'central:9092' })
  expect(request.tiers?.[1]).not.toHaveProperty('upper_bootstrap_servers')
  expect(request.tiers?.[2]).toEqual({ result: 3, replicas: 3, gpu: 1, cluster: 4 })
  const { cli } = chainEquivalents(request, values)
  for (const option of [
    'replicas edge=0',
    'replicas cloud=3',
    'gpu cloud=1',
    'cluster cloud=4',
    'upper-bootstrap-servers edge=central:9092',
  ]) {
    expect(cli).toContain(`--${option}`)
  }
})

test('says the way of a sample', () => {
  expect(chainSentence(valuesOf(PROPOSAL, limitsOf(',0.7')))).toContain(
    'edge hands predictions below 0.8 to digits-fog; fog hands predictions below 0.7 to digits-cloud; cloud answers the rest',
  )
})

test('only the lowest tier is given a start, and only its topic is read', () => {
  const form = { ...valuesOf(PROPOSAL, []), start: 'now' }
  expect(chainRequest(3, valuesOf(PROPOSAL, []))).not.toHaveProperty('start')
  expect(chainRequest(3, form)).toMatchObject({ start: 'now' })
  expect(chainEquivalents(chainRequest(3, form), form).cli).toContain('--start now')
  expect(chainSentence(form)).toContain('records of digits-in are read from now on')
  expect(chainCheckOf(form)).toEqual({ result: 1, input_topic: 'digits-in' })
  expect(chainCheckOf({ ...form, input_topic: '' })).toBeNull()
})

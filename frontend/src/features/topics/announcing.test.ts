import { expect, test } from 'vitest'
import { FIRST_VALUES, offerEquivalents, offerRequest } from './announcing'

test('the command and the call announce what the form does', () => {
  const deployment = { id: 3, mode: 'incremental' as const, semi_supervised: { rounds: 5, confidence: 0.9 } }
  const values = { ...FIRST_VALUES, fromFirst: true, unlabelledTopic: 'more', start: 5 }
  const { cli, python } = offerEquivalents(offerRequest('digits', deployment, values, { data_type: 'uint8' }))
  expect(cli).toBe(
    'kafka-ml streams announce digits --deployment 3 --unlabelled-topic more --format RAW ' +
      `--config '{"data_type":"uint8"}' --since 1970-01-03 --validation-rate 0.1`,
  )
  expect(python).toContain('unlabelled_topic="more"')
  expect(python).toContain('since_ms=0')
  const ordinary = offerRequest('digits', { ...deployment, mode: 'classic', semi_supervised: null }, values, {})
  expect(offerEquivalents(ordinary).cli).toBe(
    'kafka-ml streams announce digits --deployment 3 --format RAW --from 5 --validation-rate 0.1 --test-rate 0.1',
  )
})

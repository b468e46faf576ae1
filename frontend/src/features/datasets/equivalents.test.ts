import { expect, test } from 'vitest'
import { PROPOSAL } from '~/testing/datasets'
import { createEquivalents } from './equivalents'

const CONTRACT = PROPOSAL.contract as NonNullable<typeof PROPOSAL.contract>
const RATES = { validation_rate: 0.1, test_rate: 0.2 }

test('a new data set of a time is made by the same command and call', () => {
  const slice = { topic: 'machines', since: '2026-01-31T12:00:00.000Z', until: null }
  const { cli, python } = createEquivalents({ slice, contract: CONTRACT, ...RATES, name: 'a b' }, undefined)
  expect(cli).toContain(
    "kafka-ml datasets create 'a b' machines \\\n  --contract contract.json \\\n  --since 2026-01-31T12:00:00",
  )
  expect(python).toContain('    topic="machines",')
  expect(python).toContain('    since=datetime.fromisoformat("2026-01-31T12:00:00.000+00:00"),\n)')
})

test('one without end too', () => {
  const slice = { topic: 'machines', online: true, since: null, fit_records: 500 }
  const { cli, python } = createEquivalents({ slice, contract: CONTRACT, ...RATES, test_rate: 0, name: 'a' }, undefined)
  expect(cli).toContain('--online \\\n  --fit-records 500 \\\n')
  expect(python).toContain('    online=True,\n    fit_records=500,\n')
})

test('a version of offsets too', () => {
  const slice = { topic: 'machines', partition: 1, start: 0, end: null }
  const { cli, python, curl } = createEquivalents({ slice, contract: CONTRACT, ...RATES }, 7)
  expect(cli).toContain('kafka-ml datasets add-version 7 machines')
  expect(cli).toContain('--partition 1 \\\n  --start 0')
  expect(python).toContain('client.datasets.add_version(\n    identifier=7,')
  expect(curl).toContain('/api/datasets/7/versions/')
})

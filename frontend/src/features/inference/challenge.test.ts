import { expect, test } from 'vitest'
import type { ChallengeRule } from '~/lib/api'
import { comparison, inference, withCanary } from '~/testing/inference'
import {
  canaryRequest,
  challengeEquivalents,
  challengeFormOf,
  challengeLabel,
  checkChallenge,
  FIRST_CHALLENGE,
  ruleProgress,
  ruleText,
  shadowRequest,
} from './challenge'

test('changing a canary begins with what it has', () => {
  const rule = { metric: 'agreement', at_least: 0.925, records: 50 } as const
  const challenger = { version: 2, kind: 'canary', share: 0.005, labelled: true, rule } as const
  const request = canaryRequest(challengeFormOf(withCanary({ challenger })))
  expect(request).toEqual({ version: 2, share: 0.005, keyed: false, labelled: true, rule })
})

test('percents become fractions without a trace of binary', () => {
  const form = { ...FIRST_CHALLENGE, version: '2', share: 0.7, decides: true }
  expect(canaryRequest(form)).toMatchObject({ share: 0.007, rule: { at_least: 0.95 } })
  expect(shadowRequest({ ...form, decides: false })).toEqual({ version: 2, labelled: false, rule: null })
})

test('what is not filled in is said by field', () => {
  const form = {
    ...FIRST_CHALLENGE,
    share: '',
    decides: true,
    rule: { metric: 'agreement', at_least: 0, records: '' },
  } as const
  expect(Object.keys(checkChallenge(form, 'canary')).sort()).toEqual([
    'rule.at_least',
    'rule.records',
    'share',
    'version',
  ])
  expect(Object.keys(checkChallenge({ ...form, decides: false, version: '2' }, 'shadow'))).toEqual([])
  const negative = {
    ...form,
    version: '2',
    labelled: true,
    rule: { metric: 'accuracy', at_least: -2, records: 9 },
  } as const
  expect(checkChallenge(negative, 'shadow')).toEqual({})
})

test('a rule in words', () => {
  const accuracy = (at_least: number): ChallengeRule => ({ metric: 'accuracy', at_least, records: 1000 })
  expect(ruleText(accuracy(0.02), 3)).toMatch(/^After 1,000 labelled records .* right for at least 2.0% more of them/)
  expect(ruleText(accuracy(0), 3)).toMatch(/right for as many of them as the other, or more,/)
  expect(ruleText(accuracy(-0.01), 3)).toMatch(/right for at most 1.0% fewer of them/)
  expect(ruleText({ metric: 'agreement', at_least: 1, records: 1 }, 3)).toMatch(/equal for at least 100.0%/)
})

test('what a rule would decide now; a difference as large as asked for is enough', () => {
  const { champion, challenger } = comparison()
  const found = comparison({
    champion: { ...champion, labelled: 10, correct: 7 },
    challenger: { ...challenger, labelled: 10, correct: 8 },
  })
  const rule = (at_least: number): ChallengeRule => ({ metric: 'accuracy', at_least, records: 40 })
  expect(ruleProgress(rule(0.1), found)).toEqual({ done: 10, records: 40, promotes: true })
  expect(ruleProgress(rule(0.2), found).promotes).toBe(false)
  expect(ruleProgress(rule(0.2), comparison()).promotes).toBeNull()
  expect(ruleProgress({ metric: 'agreement', at_least: 0.9, records: 5 }, comparison())).toEqual({
    done: 5,
    records: 5,
    promotes: true,
  })
})

test('the same as a command, in Python and with curl', () => {
  const form = { ...FIRST_CHALLENGE, version: '2', labelled: true, decides: true }
  const { cli, python, curl } = challengeEquivalents(3, 'canary', form)
  expect(cli).toBe('kafka-ml inferences canary 3 2 --share 0.1 --labelled --rule agreement:0.95:1000')
  expect(python).toContain(
    'client.inferences.canary(\n    identifier=3,\n    version=2,\n    labelled=True,\n    share=0.1,',
  )
  expect(curl).toContain('/api/inferences/3/canary/')
  const later = { ...FIRST_CHALLENGE, version: '2', start: 'now' }
  expect(shadowRequest(later)).toMatchObject({ start: 'now' })
  expect(challengeEquivalents(3, 'shadow', later).cli).toBe('kafka-ml inferences shadow 3 2 --start now')
  expect(checkChallenge({ ...later, start: 'soon' }, 'shadow')).toHaveProperty('start')
  expect(canaryRequest(later)).not.toHaveProperty('start')
  const shadow = challengeEquivalents(3, 'shadow', { ...FIRST_CHALLENGE, version: '2', output_topic: "it's" })
  expect(shadow.cli).toBe("kafka-ml inferences shadow 3 2 --output 'it'\\''s'")
})

test('the role of an inference among others, in a word', () => {
  expect(challengeLabel(inference())).toBe('')
  expect(challengeLabel(withCanary())).toBe('canary: version 2')
  expect(challengeLabel(withCanary({ shadow_of: 9 }))).toBe('shadow of 9')
})

/** A comparison of two versions in words: what it found so far, what its rule will decide, how it ended. */
import type {
  CanaryWriteRequest,
  ChallengeEnd,
  ChallengeRule,
  Compared,
  Inference,
  LiveComparison,
  ShadowWriteRequest,
} from '~/lib/api'
import { curlCall, type Equivalents, pythonCall, shellQuote } from '~/lib/equivalents'
import { formatAge, formatExact, formatPercent } from '~/lib/format'
import { startProblem } from './deploy'

export type Kind = 'canary' | 'shadow'

/** The values of the form. Shares are in percent. */
export interface ChallengeForm {
  version: string | null
  share: number | string
  /** The output topic of a shadow; '' lets the API choose one. */
  output_topic: string
  /** Where a shadow begins to read; see ``DeployForm``. */
  start: string
  labelled: boolean
  keyed: boolean
  decides: boolean
  rule: { metric: ChallengeRule['metric']; at_least: number | string; records: number | string }
}

export const FIRST_CHALLENGE: ChallengeForm = {
  version: null,
  share: 10,
  output_topic: '',
  start: 'beginning',
  labelled: false,
  keyed: false,
  decides: false,
  rule: { metric: 'agreement', at_least: 95, records: 1000 },
}

/** The form's values for changing the running canary. */
export function challengeFormOf({ challenger }: Pick<Inference, 'challenger'>): ChallengeForm {
  if (challenger === null) return FIRST_CHALLENGE
  const { version, share, labelled, rule } = challenger
  return {
    ...FIRST_CHALLENGE,
    version: String(version),
    share: percentOf(share),
    labelled,
    decides: rule !== null,
    rule: rule === null ? FIRST_CHALLENGE.rule : { ...rule, at_least: percentOf(rule.at_least) },
  }
}

function percentOf(share: number): number {
  return Math.round(share * 1e6) / 1e4
}

/** Errors by field, found before sending. The rules are those of the API. */
export function checkChallenge(form: ChallengeForm, kind: Kind): Record<string, string> {
  const problems: Record<string, string> = {}
  if (form.version === null) problems.version = 'Choose a version'
  if (kind === 'canary' && !isWithin(form.share, 0.1, 100)) problems.share = 'Expected 0.1 to 100%'
  const start = kind === 'shadow' ? startProblem(form.start) : null
  if (start) problems.start = start
  if (!form.decides) return problems
  const { metric, at_least, records } = form.rule
  if (metric === 'accuracy' && !form.labelled)
    problems['rule.metric'] = 'Only with record keys as correct labels: tick that above'
  if (metric === 'agreement' && !isWithin(at_least, Number.MIN_VALUE, 100))
    problems['rule.at_least'] = 'Expected more than 0, at most 100%'
  if (metric === 'accuracy' && !isWithin(at_least, -100, 100)) problems['rule.at_least'] = 'Expected -100 to 100%'
  if (!isWithin(records, 1, 1e9)) problems['rule.records'] = 'Expected 1 or more'
  return problems
}

function isWithin(value: number | string, least: number, most: number): boolean {
  return typeof value === 'number' && value >= least && value <= most
}

/** The request of a canary. ``form`` has passed ``checkChallenge``. */
export function canaryRequest(form: ChallengeForm): CanaryWriteRequest {
  return { ...sharedRequest(form), share: fractionOf(form.share), keyed: form.keyed }
}

export function shadowRequest(form: ChallengeForm): ShadowWriteRequest {
  const topic = form.output_topic.trim()
  return {
    ...sharedRequest(form),
    ...(topic === '' ? {} : { output_topic: topic }),
    ...(form.start === 'beginning' ? {} : { start: form.start }),
  }
}

function sharedRequest(form: ChallengeForm) {
  return { version: Number(form.version), labelled: form.labelled, rule: form.decides ? ruleOf(form) : null }
}

/** The rule in the form, whether or not it is to decide. */
export function ruleOf({ rule }: ChallengeForm): ChallengeRule {
  return { metric: rule.metric, at_least: fractionOf(rule.at_least), records: Number(rule.records) }
}

function fractionOf(percent: number | string): number {
  return Number((Number(percent) / 100).toPrecision(12))
}

/** The comparison as a command, as Python and as curl. */
export function challengeEquivalents(inference: number, kind: Kind, form: ChallengeForm): Equivalents {
  const body = kind === 'canary' ? canaryRequest(form) : shadowRequest(form)
  const { version, rule, ...more } = body
  const number = form.version === null ? 'VERSION' : String(version)
  const said = Object.fromEntries(Object.entries(more).filter(([, value]) => value !== false))
  const options = [
    ...('share' in more ? [`--share ${more.share}`] : []),
    ...('output_topic' in more ? [`--output ${shellQuote(String(more.output_topic))}`] : []),
    ...('start' in more ? [`--start ${shellQuote(String(more.start))}`] : []),
    ...(form.labelled ? ['--labelled'] : []),
    ...(kind === 'canary' && form.keyed ? ['--keyed'] : []),
    ...(rule ? [`--rule ${rule.metric}:${rule.at_least}:${rule.records}`] : []),
  ]
  return {
    cli: ['kafka-ml', 'inferences', kind, inference, number, ...options].join(' '),
    python: pythonCall(`client.inferences.${kind}`, {
      identifier: inference,
      version: form.version === null ? 0 : version,
      ...said,
      ...(rule ? { rule } : {}),
    }),
    curl: curlCall('POST', `/api/inferences/${inference}/${kind}/`, body),
  }
}

/** The share of labelled records that a version predicted correctly; null while there are none. */
export function accuracyOf({ correct, labelled }: Pick<Compared, 'correct' | 'labelled'>): number | null {
  return labelled === 0 ? null : correct / labelled
}

/** The share of compared records with equal predictions; null while there are none. */
export function agreementOf({ agreed, compared }: Pick<LiveComparison, 'agreed' | 'compared'>): number | null {
  return compared === 0 ? null : agreed / compared
}

/** What a rule requires, as a sentence. */
export function ruleText({ metric, at_least, records }: ChallengeRule, version: number | string): string {
  const after = `After ${formatExact(records)} ${metric === 'accuracy' ? 'labelled records' : 'records'} that both answered, version ${version}`
  if (metric === 'agreement')
    return `${after} is promoted if both predictions were equal for at least ${formatPercent(at_least)} of them, and dropped otherwise.`
  const more =
    at_least < 0
      ? `right for at most ${formatPercent(-at_least)} fewer of them than the other`
      : at_least === 0
        ? 'right for as many of them as the other, or more'
        : `right for at least ${formatPercent(at_least)} more of them than the other`
  return `${after} is promoted if it was ${more}, and dropped otherwise.`
}

export interface RuleProgress {
  /** How many of the required records there are. */
  done: number
  records: number
  /** Whether the rule would promote the challenger now; null while nothing is known. */
  promotes: boolean | null
}

export function ruleProgress(rule: ChallengeRule, found: LiveComparison): RuleProgress {
  const ours = accuracyOf(found.challenger)
  const theirs = accuracyOf(found.champion)
  const agreement = agreementOf(found)
  const value = rule.metric === 'agreement' ? agreement : ours === null || theirs === null ? null : ours - theirs
  return {
    done: Math.min(rule.metric === 'agreement' ? found.compared : found.challenger.labelled, rule.records),
    records: rule.records,
    // The tolerance accepts a difference that equals the requirement but is slightly less in binary.
    promotes: value === null ? null : value >= rule.at_least - 1e-9,
  }
}

/**
 * How a comparison ended: 'Version 2, a canary next to version 1, was promoted by maria 3 min ago', with the reason if
 * any.
 */
export function endText({ version, champion, kind, promoted, by, why, at }: ChallengeEnd, now: number): string {
  const who = by === 'system' ? 'by the platform' : `by ${by}`
  const what = `Version ${version}, a ${kind} next to version ${champion}, was ${promoted ? 'promoted' : 'dropped'}`
  return `${what} ${who} ${formatAge(at, now)}${why === '' ? '.' : `: ${why}.`}`
}

/** The agreement so far: 'equal predictions for 97.2% of 1,234 records'; '' when nothing was compared. */
export function foundText(found: LiveComparison): string {
  const agreement = agreementOf(found)
  return agreement === null
    ? ''
    : `equal predictions for ${formatPercent(agreement)} of ${formatExact(found.compared)} records`
}

/** The time of the newest report of any replica; null before the first. */
export function lastHeard({ replica_stats: stats }: Pick<Inference, 'replica_stats'>): string | null {
  return stats.map((report) => report.updated_at).reduce<string | null>((a, b) => (a === null || a < b ? b : a), null)
}

/** A label such as 'canary: version 2' or 'shadow of 3'; '' for an inference that compares nothing. */
export function challengeLabel({ challenger, shadow_of }: Pick<Inference, 'challenger' | 'shadow_of'>): string {
  if (shadow_of !== null) return `shadow of ${shadow_of}`
  return challenger === null ? '' : `canary: version ${challenger.version}`
}

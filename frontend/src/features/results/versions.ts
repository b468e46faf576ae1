/** Versions of a result in words: why each exists, what decided, its position in the stream; and two side by side. */
import { greaterIsBetter } from '~/components/charts/curves'
import type { Comparison, Inference, Version } from '~/lib/api'
import { formatCount, formatExact, formatMeasured, formatMetric, NONE, plural } from '~/lib/format'

/** Why the version exists: 'improved after window 512', 'trained'. */
export function reasonText(version: Pick<Version, 'reason' | 'step' | 'positions'>): string {
  if (version.step !== null) return `${version.reason} after window ${formatExact(version.step)}`
  return isEndless(version) ? 'end of the stream' : 'trained'
}

/** Whether the version learnt a stream without end. Only such versions have positions. */
export function isEndless({ positions }: Pick<Version, 'positions'>): boolean {
  return Object.keys(positions).length > 0
}

/**
 * The comparison that decided: 'accuracy 0.96 against 0.91 for version 2, on the same 2,000 samples'; '' without one.
 */
export function comparisonText(comparison: Comparison | null): string {
  if (comparison === null) return ''
  const { metric, champion, champion_value, challenger_value, samples } = comparison
  const value = `${metric} ${formatMeasured(challenger_value)}`
  const on = plural(samples, 'sample')
  if (champion === null) return `${value} on ${on}; first version`
  return `${value} against ${formatMeasured(champion_value)} for version ${champion}, on the same ${on}`
}

/** The most partitions listed one by one. Beyond it only their number and the sum of offsets are given. */
const MOST_PARTITIONS = 3

/** The next offset of each partition: 'digits: 0 at 12,000, 1 at 11,873'. */
export function positionsText({ positions }: Pick<Version, 'positions'>): string {
  const topics = Object.entries(positions).map(([topic, offsets]) => {
    const places = Object.entries(offsets).sort(([a], [b]) => Number(a) - Number(b))
    if (places.length > MOST_PARTITIONS) {
      const sum = places.reduce((total, [, offset]) => total + offset, 0)
      return `${topic}: ${formatCount(sum)} offsets of ${places.length} partitions`
    }
    return `${topic}: ${places.map(([partition, offset]) => `${partition} at ${formatExact(offset)}`).join(', ')}`
  })
  return topics.join('; ')
}

/** What happens to the inferences of a result when another version becomes current. */
export function followersText(serving: readonly Pick<Inference, 'id' | 'follows'>[]): string {
  const named = (inferences: readonly Pick<Inference, 'id'>[]) =>
    `${inferences.length === 1 ? 'Inference' : 'Inferences'} ${inferences.map((inference) => inference.id).join(', ')}`
  const following = serving.filter((inference) => inference.follows)
  const staying = serving.filter((inference) => !inference.follows)
  const stay =
    staying.length > 0
      ? ` ${named(staying)} ${staying.length === 1 ? 'stays at its' : 'stay at their'} current version.`
      : ''
  if (following.length === 0) return `No inference follows this result, so none switches to it.${stay}`
  const go = following.length === 1 ? 'follows the result and switches' : 'follow the result and switch'
  return `${named(following)} ${go} to it between two transactions, without losing a record.${stay}`
}

/** Names of the versions' test metrics; those of which more is better come first. */
export function versionMetrics(versions: readonly Version[]): string[] {
  const names = new Set(versions.flatMap((version) => Object.keys(version.outcome.test_metrics)))
  return [...names].sort((a, b) => Number(greaterIsBetter(b) === true) - Number(greaterIsBetter(a) === true))
}

export interface Difference {
  name: string
  values: readonly [string, string]
  differs: boolean
}

/** Two versions line by line: their metrics and what differs between them. */
export function differencesOf(one: Version, other: Version): Difference[] {
  const row = (name: string, of: (version: Version) => string): Difference => {
    const values = [of(one), of(other)] as const
    return { name, values, differs: values[0] !== values[1] }
  }
  const packages = [...new Set([one, other].flatMap((version) => Object.keys(version.outcome.versions)))].sort()
  return [
    ...versionMetrics([one, other]).map((metric) =>
      row(`test ${metric}`, ({ outcome }) =>
        metric in outcome.test_metrics ? formatMeasured(outcome.test_metrics[metric]) : NONE,
      ),
    ),
    row('samples trained', ({ outcome }) => formatExact(outcome.samples.training)),
    row('made', reasonText),
    row('compared', ({ comparison }) => comparisonText(comparison) || NONE),
    row('position', (version) => positionsText(version) || NONE),
    row('attempt', ({ attempt }) => String(attempt)),
    row('code', ({ outcome }) => `${outcome.code_sha256.slice(0, 12)}…`),
    row('seed', ({ outcome }) => String(outcome.seed)),
    row('split', ({ outcome }) => outcome.split || NONE),
    row('ONNX difference', ({ outcome }) => formatMetric(outcome.onnx_max_difference)),
    ...packages.map((name) => row(name, ({ outcome }) => outcome.versions[name] ?? NONE)),
  ]
}

/** The versions whose numbers are in an address such as '3,5', at most two. */
export function chosenOf(text: string | undefined, versions: readonly Version[]): Version[] {
  const numbers = (text ?? '').split(',').map(Number)
  return versions.filter((version) => numbers.includes(version.number)).slice(0, 2)
}

/** The address with a version added or removed. A third choice replaces the oldest. */
export function withChoice(text: string | undefined, number: number): string | undefined {
  const chosen = (text ?? '').split(',').filter((part) => /^\d+$/.test(part))
  const next = chosen.includes(String(number))
    ? chosen.filter((part) => part !== String(number))
    : [...chosen, String(number)].slice(-2)
  return next.length > 0 ? next.join(',') : undefined
}

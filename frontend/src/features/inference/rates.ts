/** The rates of inferences since the page was loaded: a few minutes of replicas' reports, kept in memory. */
import type { RatePoint } from '~/components/charts/RateLagChart'

/** The most points kept: ten minutes of reports, one every two seconds. */
export const MAX_POINTS = 300
/** Reports of several replicas within this time become one point. */
const MERGE_MS = 1_000
/** A replica that has been silent for this long no longer counts. */
const SILENT_MS = 10_000

export class RateHistory {
  private readonly latest = new Map<number, RatePoint>()
  /** The points, summed over all replicas. */
  private kept: RatePoint[] = []

  /** Add a replica's report; returns all points as a new list. */
  add(replica: number, report: RatePoint): readonly RatePoint[] {
    this.latest.set(replica, report)
    const now = report.at
    for (const [other, { at }] of this.latest) if (now - at > SILENT_MS) this.latest.delete(other)
    const reports = [...this.latest.values()]
    const lags = reports.flatMap((ratePoint) => (ratePoint.lag === null ? [] : [ratePoint.lag]))
    const point: RatePoint = {
      at: now,
      rate: reports.reduce((sum, ratePoint) => sum + (ratePoint.rate ?? 0), 0),
      lag: lags.length > 0 ? lags.reduce((sum, lag) => sum + lag, 0) : null,
    }
    const last = this.kept.at(-1)
    if (last && now - last.at < MERGE_MS) {
      // A merged point keeps its first time, otherwise a stream of reports would move it on forever.
      this.kept = [...this.kept.slice(0, -1), { ...point, at: last.at }]
    } else {
      const gap = last && now - last.at > SILENT_MS ? [{ at: last.at + 1, rate: null, lag: null }] : []
      this.kept = [...this.kept, ...gap, point].slice(-MAX_POINTS)
    }
    return this.kept
  }

  get points(): readonly RatePoint[] {
    return this.kept
  }
}

const histories = new Map<number, RateHistory>()
const MAX_INFERENCES = 20

/** The history of one inference. The histories unused for longest are forgotten. */
export function historyOf(inference: number): RateHistory {
  const found = histories.get(inference) ?? new RateHistory()
  histories.delete(inference)
  histories.set(inference, found)
  const oldest = histories.keys().next().value
  if (histories.size > MAX_INFERENCES && oldest !== undefined) histories.delete(oldest)
  return found
}

/** The report in an event of the topic ``inferences``; null for other events. */
export function reportOf(
  data: Record<string, unknown>,
): { inference: number; replica: number; report: RatePoint } | null {
  const stats = data.stats as { rate?: unknown; lag?: unknown } | undefined
  if (typeof data.id !== 'number' || typeof data.replica !== 'number' || typeof stats?.rate !== 'number') return null
  const lag = typeof stats.lag === 'number' ? stats.lag : null
  return { inference: data.id, replica: data.replica, report: { at: Date.now(), rate: stats.rate, lag } }
}

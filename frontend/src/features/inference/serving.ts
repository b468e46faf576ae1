/** What replicas report of the version that they serve, in words. */
import type { Inference, Version } from '~/lib/api'
import { formatMetric, plural } from '~/lib/format'

/**
 * How many replicas are ready: '2 of 3 replicas ready, 1 external worker'; only the workers when the platform runs no
 * replica.
 */
export function servingText(
  inference: Pick<Inference, 'replicas' | 'ready_replicas' | 'current_replicas' | 'replica_stats'>,
): string {
  const said = inference.replica_stats.filter((report) => report.worker !== '' && report.state === 'running').length
  // The count and the reports may be a moment apart, so the smaller number is taken.
  const elsewhere = Math.min(said, inference.ready_replicas)
  if (inference.replicas === 0) return `${plural(inference.ready_replicas, 'external worker')}`
  const launched = `${inference.ready_replicas - elsewhere} of ${plural(inference.current_replicas, 'replica')} ready`
  return elsewhere === 0 ? launched : `${launched}, ${plural(elsewhere, 'external worker')}`
}

/** The inference after a quiet report: only the time at which the replica was heard changes. */
export function heardNow(inference: Inference, replica: number): Inference {
  const updated_at = new Date().toISOString()
  const replica_stats = inference.replica_stats.map((report) =>
    report.replica === replica ? { ...report, updated_at } : report,
  )
  return { ...inference, replica_stats }
}

/** Says how many replicas have switched to the requested version; '' when all have. */
export function goingOver(
  inference: Pick<Inference, 'revision' | 'version' | 'replica_stats' | 'swap_failure'>,
): string {
  if (inference.swap_failure !== null) return ''
  const telling = inference.replica_stats.filter((report) => report.state === 'running' && report.serving !== null)
  const behind = telling.filter((report) => report.serving?.revision !== inference.revision)
  if (behind.length === 0) return ''
  const done = telling.length - behind.length
  return `Switching to version ${inference.version}: ${done} of ${plural(telling.length, 'replica')} done.`
}

/** A version with its metrics: 'Version 3, current: accuracy 0.96, loss 0.1'. */
export function versionLabel(version: Pick<Version, 'number' | 'current' | 'outcome'>): string {
  const metrics = Object.entries(version.outcome.test_metrics).map(([name, value]) => `${name} ${formatMetric(value)}`)
  const name = `Version ${version.number}${version.current ? ', current' : ''}`
  return metrics.length > 0 ? `${name}: ${metrics.slice(0, 3).join(', ')}` : name
}

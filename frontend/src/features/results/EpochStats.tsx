/** Figures about the epochs of a training, shown next to its curves. */
import { constantLearningRate } from '~/components/charts/curves'
import { Stat } from '~/components/Stat'
import type { EpochMetrics, Result } from '~/lib/api'
import { formatExact, formatMeasured } from '~/lib/format'
import { bestEpochNote, hasEnded } from '~/lib/runs'
import { bestEpochOf } from './useCurveMarks'

/**
 * The best epoch. Once the training has ended: also whether the result has its weights, and whether training stopped
 * early.
 */
export function BestEpochStat({ result }: { result: Pick<Result, 'state' | 'outcome' | 'metrics'> }) {
  const best = hasEnded(result) ? result.outcome?.best_epoch : null
  if (best) {
    return (
      <Stat
        name="Best epoch"
        value={`${formatExact(best.epoch)} of ${formatExact(best.epochs)}`}
        note={bestEpochNote(best)}
      />
    )
  }
  const soFar = bestEpochOf(result)
  return soFar === null ? null : <Stat name="Best epoch" value={formatExact(soFar)} note="so far" />
}

/** A constant learning rate as a figure. A changing one is drawn as a curve instead. */
export function LearningRateStat({ epochs }: { epochs: readonly EpochMetrics[] }) {
  const rates = Object.values(constantLearningRate(epochs) ?? {})
  return rates.length === 0 ? null : <Stat name="Learning rate" value={rates.map(formatMeasured).join(', ')} />
}

/** The progress of a result: where it is and whether more will come. Also reads the open cell from an address. */
import type { Cell } from '~/components/charts/ConfusionMatrix'
import type { EpochMetrics, Progress } from '~/lib/api'
import { remainingText } from '~/lib/runs'

export interface RunProgress {
  /** The present step: 'Reading the stream', 'Epoch 3 of 20', 'Window 812'. */
  text: string
  /** The share of the whole run that is done, from 0 to 1; null when unknown. */
  share: number | null
  /** Progress within the step: 'batch 12 of 32', '120 of 1,437 records'. */
  detail: string
  /** The remaining time: 'about 2 min left'; empty when unknown. */
  remaining: string
}

/**
 * The progress of a run. The last report within an epoch may be older than the end of that epoch; then the next epoch
 * has begun.
 */
export function progressOf(
  progress: Progress | null,
  last: Pick<EpochMetrics, 'epoch' | 'window'> | null,
  format: (n: number) => string,
): RunProgress {
  if (last?.window) {
    return { text: `Window ${format(last.epoch + 1)}`, share: null, detail: 'is filling', remaining: '' }
  }
  const lastEpoch = last?.epoch ?? 0
  if (progress === null)
    return { text: 'Starting', share: null, detail: 'the model process is starting', remaining: '' }
  const { epoch, epochs, batch, batches } = progress
  if (epoch === 0 && lastEpoch === 0) {
    return {
      text: 'Reading the stream',
      share: batches > 0 ? batch / batches : null,
      detail: `${format(batch)} of ${format(batches)} records`,
      remaining: '',
    }
  }
  if (lastEpoch >= epoch) {
    const done = lastEpoch >= epochs
    return {
      text: done ? 'Testing and saving the model' : `Epoch ${lastEpoch + 1} of ${epochs}`,
      share: Math.min(1, lastEpoch / epochs),
      detail: done ? '' : 'begins',
      remaining: done ? '' : remainingText(progress),
    }
  }
  const inside = batches > 0 ? batch / batches : 0
  return {
    text: `Epoch ${epoch} of ${epochs}`,
    share: Math.min(1, (epoch - 1 + inside) / epochs),
    detail: `batch ${format(batch)} of ${format(batches)}`,
    remaining: remainingText(progress),
  }
}

/** Reads a cell from an address: '3-5' is class 3 predicted as 5. Undefined when the matrix has no such cell. */
export function cellOf(text: string | undefined, classes: number): Cell | undefined {
  const match = /^(\d{1,4})-(\d{1,4})$/.exec(text ?? '')
  if (!match) return undefined
  const [actual, predicted] = [Number(match[1]), Number(match[2])]
  return actual < classes && predicted < classes ? { actual, predicted } : undefined
}

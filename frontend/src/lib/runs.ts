/** Properties that trainings and inferences share, and the progress of trainings. */

import type { BestEpoch, Progress } from '~/lib/api'
import { formatExact, formatMeasured, formatSeconds } from '~/lib/format'

interface Run {
  state: string
  started_at: string | null
  ended_at: string | null
}

/** The state shown to users. An inference that fails without having ended is shown as failing. */
export function shownState({ state, failing }: { state: string; failing: unknown }): string {
  return failing === null ? state : 'failing'
}

/** Whether the run has ended. Nothing more happens then unless a user acts. */
export function hasEnded({ state }: Pick<Run, 'state'>): boolean {
  return ['finished', 'failed', 'stopped'].includes(state)
}

/** The duration of a run in seconds, so far or in total; null when it has not begun, or its end is unknown. */
export function durationSeconds(run: Run, now: number): number | null {
  if (!run.started_at) return null
  const end = run.ended_at ? Date.parse(run.ended_at) : run.state === 'running' ? now : null
  return end === null ? null : Math.max(0, (end - Date.parse(run.started_at)) / 1000)
}

/** The remaining time, such as 'about 2 min 5 s left'; empty when it is unknown or there is no end. */
export function remainingText(progress: Pick<Progress, 'remaining_seconds' | 'may_end_sooner'> | null): string {
  const seconds = progress?.remaining_seconds ?? null
  if (seconds === null) return ''
  return `${progress?.may_end_sooner ? 'at most' : 'about'} ${formatSeconds(Math.max(1, Math.round(seconds)))} left`
}

/** A note about the best epoch: 'val_loss 0.0066; stopped early after 564; the result has its weights'. */
export function bestEpochNote({ epochs, trained, monitor, value, restored }: BestEpoch): string {
  return [
    `${monitor} ${formatMeasured(value)}`,
    ...(trained < epochs ? [`stopped early after ${formatExact(trained)}`] : []),
    restored ? 'the result has its weights' : "the result has the last epoch's weights",
  ].join('; ')
}

/** What is true of trainings and inferences alike. */

interface Run {
  state: string
  started_at: string | null
  ended_at: string | null
}

/** The word for people: an inference that fails though nothing has ended it says so in place of its state. */
export function shownState({ state, failing }: { state: string; failing: unknown }): string {
  return failing === null ? state : 'failing'
}

/** Whether nothing more comes of it by itself. */
export function hasEnded({ state }: Pick<Run, 'state'>): boolean {
  return ['finished', 'failed', 'stopped'].includes(state)
}

/** Seconds that it took, or takes already; null where it has not begun, or nobody knows when it ended. */
export function durationSeconds(run: Run, now: number): number | null {
  if (!run.started_at) return null
  const end = run.ended_at ? Date.parse(run.ended_at) : run.state === 'running' ? now : null
  return end === null ? null : Math.max(0, (end - Date.parse(run.started_at)) / 1000)
}

/**
 * The frames of the stream of predictions, and the part of them that a page keeps. The store is bounded: after a day it
 * holds as much as after a minute, only coarser.
 */

export type Kind = 'classification' | 'regression'

export interface PredictionRecord {
  /** Time in seconds since 1970. */
  at: number
  /** The predicted class; null for other predictions. */
  id: number | null
  values: (number | null)[]
  /** Number of outputs that were left out. */
  more: number
  /** The place of the output: ``topic[partition]@offset``. */
  place: string
  /** The place of the input, ``topic/partition/offset``, or empty. */
  source: string
  /** The sub-model that answered, for a distributed model; otherwise empty. */
  tier: string
  /** The fields that the prediction copied from its record; null for none. */
  include: Record<string, unknown> | null
}

export interface PlacedPrediction {
  at: number
  latitude: number
  longitude: number
  /** The predicted class; null for other predictions. */
  id: number | null
  values: (number | null)[]
  source: string
}

export interface ClassStep {
  at: number
  counts: [id: number, count: number][]
  others: number
}

export interface LineStep {
  at: number
  count: number
  min: (number | null)[]
  max: (number | null)[]
  last: (number | null)[]
}

export interface ClassWindow {
  milliseconds: number
  count: number
  classes: { id: number; count: number; mean: number }[]
  others: number
}

export interface Frame {
  type: Kind | null
  at: number
  total: number
  unreadable: number
  skipped: number
  /** Whether predictions have more outputs than are read. */
  truncated: boolean
  rate: number
  outputs: number
  records: PredictionRecord[]
  places: PlacedPrediction[]
  places_left_out: number
  /** The number of records by the tier that answered; they add up to the total. */
  tiers: Record<string, number>
  window?: ClassWindow
  current?: { id: number; score: number } | null
  last?: { id: number; score: number; at: number } | null
  lines?: number[]
  steps?: ClassStep[] | LineStep[]
}

/** Counts of the classes in one slice of time. */
export interface ClassSlice {
  at: number
  counts: Map<number, number>
  total: number
}

export const SLICE_SECONDS = 0.5
const MAX_SLICES = 1800
const MAX_LINE_STEPS = 2000
const MAX_RECORDS = 40
const MAX_PLACES = 400
/** The shortest time between two redraws in milliseconds, however many frames arrive. */
export const NOTIFY_MS = 100

/** The predictions known to a page. ``apply`` changes them, and components read them through ``useWatch``. */
export class WatchStore {
  latest: Frame | null = null
  waiting: string | null = null
  slices: ClassSlice[] = []
  lineSteps: LineStep[] = []
  records: PredictionRecord[] = []
  places: PlacedPrediction[] = []
  frames = 0
  version = 0
  private readonly listeners = new Set<() => void>()
  private timer: ReturnType<typeof setTimeout> | undefined
  private knownUntil = 0

  /** Take in the first frame of a connection without counting known records twice. */
  snapshot(frame: Frame): void {
    const known = this.knownUntil
    const newer = <T extends { at: number }>(points: readonly T[]) => points.filter(({ at }) => at > known)
    this.frame({
      ...frame,
      records: newer(frame.records),
      places: newer(frame.places),
      ...(frame.steps ? { steps: newer<ClassStep | LineStep>(frame.steps) as ClassStep[] | LineStep[] } : {}),
    })
  }

  frame(frame: Frame): void {
    if (this.latest?.type && frame.type && frame.type !== this.latest.type) this.forget()
    this.latest = frame
    this.waiting = null
    this.frames += 1
    if (frame.type === 'classification') for (const step of (frame.steps ?? []) as ClassStep[]) this.addSlice(step)
    if (frame.type === 'regression')
      this.lineSteps = compacted([...this.lineSteps, ...((frame.steps ?? []) as LineStep[])])
    if (frame.records.length > 0) this.records = [...this.records, ...frame.records].slice(-MAX_RECORDS)
    if (frame.places.length > 0) this.places = [...this.places, ...frame.places].slice(-MAX_PLACES)
    for (const step of frame.steps ?? []) this.knownUntil = Math.max(this.knownUntil, step.at)
    this.changed()
  }

  waitFor(topic: string): void {
    this.waiting = topic
    this.changed()
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  private forget(): void {
    this.slices = []
    this.lineSteps = []
    this.places = []
  }

  private addSlice(step: ClassStep): void {
    const at = Math.floor(step.at / SLICE_SECONDS) * SLICE_SECONDS
    let slice = this.slices.at(-1)
    if (!slice || slice.at < at) {
      slice = { at, counts: new Map(), total: 0 }
      this.slices.push(slice)
      if (this.slices.length > MAX_SLICES) this.slices.shift()
    }
    for (const [id, count] of step.counts) {
      slice.counts.set(id, (slice.counts.get(id) ?? 0) + count)
      slice.total += count
    }
    slice.total += step.others
  }

  private changed(): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined
      this.version += 1
      for (const listener of this.listeners) listener()
    }, NOTIFY_MS)
  }
}

/**
 * Bounds the number of steps. When there are too many, pairs of the older half are joined, so the past becomes coarser.
 */
export function compacted(steps: LineStep[], bound = MAX_LINE_STEPS): LineStep[] {
  if (steps.length <= bound) return steps
  const half = Math.ceil(steps.length / 2)
  const older: LineStep[] = []
  for (let index = 0; index < half; index += 2) {
    const [first, second] = [steps[index], index + 1 < half ? steps[index + 1] : undefined]
    if (first) older.push(second ? joined(first, second) : first)
  }
  return compacted([...older, ...steps.slice(half)], bound)
}

/** Thins the steps since ``since`` to at most ``count`` for drawing; extremes are kept. */
export function thinned(steps: readonly LineStep[], since: number, count: number): LineStep[] {
  const wanted = steps.filter((step) => step.at >= since)
  const size = Math.ceil(wanted.length / count)
  if (size <= 1) return wanted
  const thin: LineStep[] = []
  for (let index = 0; index < wanted.length; index += size) {
    thin.push(wanted.slice(index, index + size).reduce((before, step) => joined(before, step)))
  }
  return thin
}

function joined(first: LineStep, second: LineStep): LineStep {
  return {
    at: second.at,
    count: first.count + second.count,
    min: merged(first.min, second.min, Math.min),
    max: merged(first.max, second.max, Math.max),
    last: second.last,
  }
}

function merged(
  first: readonly (number | null)[],
  second: readonly (number | null)[],
  pick: (a: number, b: number) => number,
): (number | null)[] {
  return Array.from({ length: Math.max(first.length, second.length) }, (_, index) => {
    const [a, b] = [first[index] ?? null, second[index] ?? null]
    return a === null ? b : b === null ? a : pick(a, b)
  })
}

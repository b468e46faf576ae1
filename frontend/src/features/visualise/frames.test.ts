import { describe, expect, it, vi } from 'vitest'
import { type ClassStep, compacted, type Frame, type LineStep, thinned, WatchStore } from './frames'

function frame(change: Partial<Frame>): Frame {
  return {
    type: 'classification',
    at: 100,
    total: 0,
    unreadable: 0,
    skipped: 0,
    truncated: false,
    rate: 0,
    outputs: 2,
    records: [],
    places: [],
    places_left_out: 0,
    tiers: {},
    ...change,
  }
}

function classStep(at: number, ...counts: [number, number][]): ClassStep {
  return { at, counts, others: 0 }
}

function lineStep(at: number, value: number): LineStep {
  return { at, count: 1, min: [value], max: [value], last: [value] }
}

describe('what a page keeps', () => {
  it('counts every prediction once, in slices of half a second', () => {
    const store = new WatchStore()
    store.frame(frame({ steps: [classStep(100.1, [0, 2], [1, 1])] }))
    store.frame(frame({ steps: [classStep(100.3, [1, 4]), { ...classStep(100.9, [0, 1]), others: 3 }] }))
    expect(store.slices.map((slice) => [slice.at, [...slice.counts], slice.total])).toEqual([
      [
        100,
        [
          [0, 2],
          [1, 5],
        ],
        7,
      ],
      [100.5, [[0, 1]], 4],
    ])
  })

  it('does not count again what a new connection repeats', () => {
    const store = new WatchStore()
    store.snapshot(frame({ steps: [classStep(98, [0, 1]), classStep(99, [0, 1])] }))
    store.snapshot(frame({ steps: [classStep(99, [0, 1]), classStep(101, [1, 1])] }))
    expect(store.slices.map((slice) => slice.at)).toEqual([98, 99, 101])
  })

  it('never grows', () => {
    const store = new WatchStore()
    const record = { at: 0, id: 0, values: [1], more: 0, place: 't[0]@0', source: '', tier: '', include: null }
    const place = { at: 0, latitude: 0, longitude: 0, id: 0, values: [1], source: '' }
    for (let at = 0; at < 5000; at += 1) {
      store.frame(frame({ steps: [classStep(at, [0, 1])], records: [record], places: [place] }))
    }
    expect(store.slices.length).toBe(1800)
    expect(store.slices.at(-1)?.at).toBe(4999)
    expect(store.records.length).toBe(40)
    expect(store.places.length).toBe(400)
  })

  it('forgets classes when values are asked for', () => {
    const store = new WatchStore()
    store.frame(frame({ steps: [classStep(1, [0, 1])] }))
    store.frame(frame({ type: 'regression', lines: [0], steps: [lineStep(2, 5)] }))
    expect(store.slices).toEqual([])
    expect(store.lineSteps).toEqual([lineStep(2, 5)])
  })

  it('tells its readers at most ten times a second', () => {
    vi.useFakeTimers()
    const store = new WatchStore()
    const listener = vi.fn()
    store.subscribe(listener)
    for (let count = 0; count < 50; count += 1) store.frame(frame({}))
    vi.advanceTimersByTime(100)
    expect(listener).toHaveBeenCalledTimes(1)
    expect(store.latest).not.toBeNull()
    vi.useRealTimers()
  })

  it('shows that it waits until something comes', () => {
    const store = new WatchStore()
    store.waitFor('out')
    expect(store.waiting).toBe('out')
    store.snapshot(frame({}))
    expect(store.waiting).toBeNull()
  })
})

describe('lines', () => {
  it('get coarser with age, and keep every extreme and every count', () => {
    let steps: LineStep[] = []
    for (let at = 0; at < 10_000; at += 1) steps = compacted([...steps, lineStep(at, at === 17 ? 999 : at % 10)], 200)
    expect(steps.length).toBeLessThanOrEqual(200)
    expect(steps.reduce((sum, step) => sum + step.count, 0)).toBe(10_000)
    expect(Math.max(...steps.map((step) => step.max[0] ?? 0))).toBe(999)
    expect(steps.at(-1)).toEqual(lineStep(9999, 9))
    const times = steps.map((step) => step.at)
    expect(times).toEqual([...times].sort((a, b) => a - b))
  })

  it('are drawn with few points of the time asked for, spikes included', () => {
    const steps = Array.from({ length: 1000 }, (_, at) => lineStep(at, at === 777 ? -50 : 1))
    const thin = thinned(steps, 500, 100)
    expect(thin.length).toBe(100)
    expect(Math.min(...thin.map((step) => step.min[0] ?? 0))).toBe(-50)
    expect(thin[0]?.at).toBeGreaterThanOrEqual(500)
  })

  it('pass over outputs that are missing', () => {
    const [one] = compacted([{ ...lineStep(0, 1), min: [null], max: [null] }, lineStep(1, 3), lineStep(2, 4)], 2)
    expect([one?.min, one?.max]).toEqual([[3], [3]])
  })
})

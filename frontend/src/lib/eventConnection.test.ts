import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type Connection, EventConnection, SILENT_MS } from './eventConnection'

/** A stream controlled by the test. A lost network or a halted proxy is a stream that says nothing. */
class FakeSource extends EventTarget {
  static readonly CLOSED = 2
  static all: FakeSource[] = []
  onopen: (() => void) | null = null
  onerror: (() => void) | null = null
  readyState = 0

  constructor(readonly url: string) {
    super()
    FakeSource.all.push(this)
  }

  close(): void {
    this.readyState = 2
  }

  say(name: string, data: unknown = {}, lastEventId = ''): void {
    this.dispatchEvent(new MessageEvent(name, { data: JSON.stringify(data), lastEventId }))
  }
}

const newest = (): FakeSource => FakeSource.all.at(-1) as FakeSource
const START = Date.parse('2026-01-01T12:00:00Z')

let states: [Connection, number][]
let opened: boolean[]
let events: unknown[]
let refused: number
let connection: EventConnection

beforeEach(() => {
  vi.useFakeTimers({ now: START })
  vi.stubGlobal('EventSource', FakeSource)
  FakeSource.all = []
  ;[states, opened, events, refused] = [[], [], [], 0]
  connection = new EventConnection('/api/events/', 7, ['results'], {
    state: (state, heardAt) => states.push([state, heardAt - START]),
    opened: (replaced) => opened.push(replaced),
    event: (name, data) => events.push([name, data]),
    refused: () => (refused += 1),
  })
})
afterEach(() => {
  connection.close()
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

/** Let ``seconds`` pass on a live platform without news. */
function quiet(seconds: number): void {
  for (let second = 0; second < seconds; second += 2) {
    newest().say('alive')
    vi.advanceTimersByTime(2_000)
  }
}

test('signs of life keep it live, however long there is no news', () => {
  newest().onopen?.()
  quiet(600)
  expect(states).toEqual([['live', 0]])
  expect(FakeSource.all).toHaveLength(1)
  newest().say('results', { id: 3 })
  expect(events).toEqual([['results', { id: 3 }]])
})

test.each([20, 90])(
  'a network that says nothing for %i s: lost within five, with the time that was heard last',
  (gone) => {
    newest().onopen?.()
    quiet(10)
    newest().say('alive')
    vi.advanceTimersByTime(SILENT_MS - 1)
    expect(states).toEqual([['live', 0]])
    vi.advanceTimersByTime(501)
    expect(states).toEqual([
      ['live', 0],
      ['lost', 10_000],
    ])
    vi.advanceTimersByTime(gone * 1_000 - SILENT_MS)
    // Nothing ended the connection, so it was replaced again and again, and never reported as live.
    expect(FakeSource.all.length).toBeGreaterThanOrEqual(gone / 10 - 1)
    expect(FakeSource.all.slice(0, -1).every((source) => source.readyState === FakeSource.CLOSED)).toBe(true)
    expect(states).toHaveLength(2)
    newest().onopen?.()
    expect(states.at(-1)?.[0]).toBe('live')
    // The page's other streams went silent too.
    expect(opened).toEqual([false, true])
    quiet(60)
    expect(states).toHaveLength(3)
  },
)

test('a halted proxy that never lets a stream begin is lost, not connecting forever', () => {
  vi.advanceTimersByTime(SILENT_MS + 500)
  expect(states).toEqual([['lost', 0]])
})

test('the browser says that it is offline and online again: known at once', () => {
  newest().onopen?.()
  window.dispatchEvent(new Event('offline'))
  expect(states.at(-1)).toEqual(['lost', 0])
  // The open stream may continue, but it proves nothing: no new connection reaches the platform.
  expect(FakeSource.all.map((source) => source.readyState)).toEqual([FakeSource.CLOSED, 0])
  newest().onerror?.()
  vi.advanceTimersByTime(1_000)
  expect(states.at(-1)?.[0]).toBe('lost')
  window.dispatchEvent(new Event('online'))
  expect(FakeSource.all).toHaveLength(3)
  newest().onopen?.()
  expect(states.at(-1)).toEqual(['live', 1_000])
})

test('each connection begins after the last event that is known', () => {
  expect(newest().url).toBe('/api/events/?last_event_id=7')
  newest().say('results', { id: 3 }, '12')
  newest().say('alive')
  vi.advanceTimersByTime(11_000)
  expect(newest().url).toBe('/api/events/?last_event_id=12')
})

test('a refusal is reported, and tried again', () => {
  newest().readyState = FakeSource.CLOSED
  newest().onerror?.()
  expect([states.at(-1)?.[0], refused]).toEqual(['lost', 1])
  vi.advanceTimersByTime(4_000)
  expect(FakeSource.all).toHaveLength(2)
})

test('once closed it does nothing more', () => {
  connection.close()
  vi.advanceTimersByTime(60_000)
  window.dispatchEvent(new Event('online'))
  expect([FakeSource.all.length, states]).toEqual([1, []])
})

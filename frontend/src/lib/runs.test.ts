import { describe, expect, it } from 'vitest'
import { durationSeconds, hasEnded } from './runs'

describe('durationSeconds', () => {
  it('goes on while a run runs and stands still after it', () => {
    const started_at = '2026-01-01T00:00:00Z'
    const now = Date.parse('2026-01-01T00:01:00Z')
    expect(durationSeconds({ started_at, ended_at: null, state: 'running' }, now)).toBe(60)
    expect(durationSeconds({ started_at, ended_at: '2026-01-01T00:00:10Z', state: 'finished' }, now)).toBe(10)
    expect(durationSeconds({ started_at, ended_at: null, state: 'waiting' }, now)).toBeNull()
  })
})

it('knows what has ended', () => {
  expect(['finished', 'failed', 'stopped'].map((state) => hasEnded({ state }))).toEqual([true, true, true])
  expect(['created', 'waiting', 'running'].map((state) => hasEnded({ state }))).toEqual([false, false, false])
})

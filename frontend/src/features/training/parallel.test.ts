import { describe, expect, it } from 'vitest'
import type { Result } from '~/lib/api'
import { axesOf } from './parallel'

function run(parameters: Record<string, unknown>, accuracy?: number): Result {
  return {
    parameters,
    history: null,
    outcome: accuracy === undefined ? null : { scores: { accuracy }, test_metrics: {} },
  } as unknown as Result
}

describe('axes of compared runs', () => {
  it('are parameters that differ, then scores', () => {
    const runs = [
      run({ epochs: 5, batch_size: 32, shuffle: true }, 0.9),
      run({ epochs: 10, batch_size: 32, shuffle: 'batch' }),
    ]
    expect(axesOf(runs)).toEqual([
      { column: 'parameter.epochs', title: 'epochs', words: null, values: [5, 10] },
      { column: 'parameter.shuffle', title: 'shuffle', words: ['batch', 'true'], values: ['true', 'batch'] },
      { column: 'score.accuracy', title: 'accuracy', words: null, values: [0.9, null] },
    ])
  })

  it('are empty where nothing differs and nothing was scored', () => {
    expect(axesOf([run({ epochs: 5 }), run({ epochs: 5 })])).toEqual([])
  })
})

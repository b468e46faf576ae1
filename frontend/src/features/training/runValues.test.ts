import { describe, expect, it } from 'vitest'
import type { ResultRow } from '~/lib/api'
import { choices, columnsOf, columnTitle, runValue } from './runValues'

const row = {
  parameters: { epochs: 10, class_weight: { '0': 1 } },
  history: { best_validation: { 'val.loss': { value: 0.2, epoch: 3 } }, best_training: {}, curve: null },
  outcome: { scores: { accuracy: 0.96 }, test_metrics: { loss: null } },
} as unknown as ResultRow

describe('values of runs', () => {
  it('are found by the names that the API orders by', () => {
    expect(runValue(row, 'score.accuracy')).toBe(0.96)
    expect(runValue(row, 'best.val.loss')).toBe(0.2)
    expect(runValue(row, 'parameter.class_weight')).toBe('{"0":1}')
    expect(runValue(row, 'test.loss')).toBeNull()
    expect(runValue(row, 'test.accuracy')).toBeUndefined()
  })

  it('are read from an address, without what is not a column', () => {
    expect(columnsOf('score.accuracy,secret.x,score.accuracy,score.')).toEqual(['score.accuracy'])
  })

  it('are by default the scores of the runs shown: accuracy of classifiers, errors of regressions', () => {
    const parameters = ['parameter.epochs', 'parameter.batch_size', 'parameter.seed']
    const scored = (scores: object) => ({ ...row, outcome: { scores } }) as unknown as ResultRow
    const regression = scored({ mean_absolute_error: 1.2, root_mean_squared_error: null })
    const training = { ...row, outcome: null } as unknown as ResultRow
    const errors = ['score.mean_absolute_error', 'score.root_mean_squared_error']
    expect(columnsOf(undefined, [])).toEqual(['score.accuracy', ...parameters])
    expect(columnsOf(undefined, [training, row])).toEqual(['score.accuracy', ...parameters])
    expect(columnsOf(undefined, [regression, training])).toEqual([...errors, ...parameters.slice(0, 2)])
    expect(columnsOf(undefined, [regression, row])).toEqual(['score.accuracy', ...errors, 'parameter.epochs'])
    expect(columnsOf('', [regression])).toEqual([])
  })

  it('can be chosen where a run has them, by kind', () => {
    expect(choices([row], ['parameter.seed'])).toEqual([
      { kind: 'score', columns: ['score.accuracy'] },
      { kind: 'parameter', columns: ['parameter.class_weight', 'parameter.epochs', 'parameter.seed'] },
      { kind: 'best', columns: ['best.val.loss'] },
      { kind: 'test', columns: ['test.loss'] },
    ])
    expect(columnTitle('best.loss')).toBe('validation loss, best')
  })
})

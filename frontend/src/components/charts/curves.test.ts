import { expect, test } from 'vitest'
import {
  type CurveSeries,
  constantLearningRate,
  curvesOf,
  curveTable,
  greaterIsBetter,
  lostFrom,
  metricNames,
  summarise,
  withCommonNames,
  withLearningRate,
} from './curves'

const KERAS: CurveSeries = {
  id: 1,
  name: 'keras',
  epochs: [
    { epoch: 1, before: {}, training: { accuracy: 0.5, loss: 2 }, validation: { loss: 1.5 } },
    { epoch: 2, before: {}, training: { accuracy: 0.9, loss: 0 }, validation: { loss: null } },
    { epoch: 3, before: {}, training: { accuracy: 0.8, loss: 0.5 }, validation: { loss: 1.7 } },
  ],
}
const TORCH: CurveSeries = {
  id: 2,
  name: 'torch',
  epochs: [{ epoch: 1, before: {}, training: { loss: 3 }, validation: {} }],
}

test('what frameworks call one metric differently is drawn in one chart', () => {
  const keras = {
    ...KERAS,
    epochs: [{ epoch: 1, before: {}, training: { sparse_categorical_accuracy: 0.5 }, validation: {} }],
  }
  const torch = {
    ...TORCH,
    epochs: [{ epoch: 1, before: {}, training: { accuracy: 0.7 }, validation: { accuracy: 0.6 } }],
  }
  const drawn = withCommonNames([keras, torch])
  expect(metricNames(drawn)).toEqual(['accuracy'])
  expect(curvesOf(drawn, 'accuracy').map(({ name, points }) => [name, points])).toEqual([
    ['keras, training', [[1, 0.5]]],
    ['torch, training', [[1, 0.7]]],
    ['torch, validation', [[1, 0.6]]],
  ])
})

test('two metrics of one model stay apart', () => {
  const both = {
    ...KERAS,
    epochs: [{ epoch: 1, before: {}, training: { acc: 0.5, categorical_accuracy: 0.4 }, validation: {} }],
  }
  expect(metricNames(withCommonNames([both]))).toEqual(['acc', 'categorical_accuracy'])
})

test('the loss comes first, and every metric of every model once', () => {
  expect(metricNames([KERAS, TORCH])).toEqual(['loss', 'accuracy'])
  expect(metricNames([])).toEqual([])
})

test('a part without the metric has no line', () => {
  expect(curvesOf([KERAS], 'accuracy').map((curve) => curve.name)).toEqual(['training'])
  expect(curvesOf([KERAS, TORCH], 'loss').map((curve) => curve.name)).toEqual([
    'keras, training',
    'keras, validation',
    'torch, training',
  ])
})

test('a window has a line of what it scored before it was learnt', () => {
  const epochs = [1, 2].map((epoch) => ({
    epoch,
    before: { loss: 3 },
    training: { loss: 2 },
    validation: { loss: 1 / epoch },
  }))
  const curves = curvesOf([{ id: 1, name: 'keras', epochs }], 'loss')
  expect(curveTable(curves, 'window')).toEqual({
    columns: ['Window', 'before learning', 'training', 'validation'],
    rows: [
      ['1', '3', '2', '1'],
      ['2', '3', '2', '0.5'],
    ],
  })
})

test('what a logarithm does not have is a gap', () => {
  const points = curvesOf([KERAS], 'loss', { log: true })[0]?.points
  expect(points).toEqual([
    [1, 2],
    [2, null],
    [3, 0.5],
  ])
  expect(curvesOf([KERAS], 'loss')[0]?.points[1]).toEqual([2, 0])
})

test('the table has a row per epoch, and dashes where a model trained less', () => {
  const { columns, rows } = curveTable(curvesOf([KERAS, TORCH], 'loss'))
  expect(columns).toEqual(['Epoch', 'keras, training', 'keras, validation', 'torch, training'])
  expect(rows).toEqual([
    ['1', '2', '1.5', '3'],
    ['2', '0', 'not a number (diverged)', '–'],
    ['3', '0.5', '1.7', '–'],
  ])
})

test('a metric is lost from the first epoch on after which no line has a number', () => {
  const epochs = (values: (number | null)[]) =>
    values.map((loss, index) => ({ epoch: index + 1, before: {}, training: { loss }, validation: {} }))
  const lost = (...values: (number | null)[][]) =>
    lostFrom(
      curvesOf(
        values.map((value, id) => ({ id, name: String(id), epochs: epochs(value) })),
        'loss',
      ),
    )
  expect(lost([1, null, null])).toBe(2)
  expect(lost([null])).toBe(1)
  expect(lost([1, null, 2])).toBeNull()
  expect(lost([1, null, null], [3, 2, 1])).toBeNull()
})

test('best is the greatest accuracy and the least loss', () => {
  const found = Object.fromEntries(summarise(KERAS.epochs).map((metric) => [`${metric.metric} ${metric.part}`, metric]))
  expect(found['accuracy training']).toMatchObject({ last: 0.8, best: 0.9, bestEpoch: 2 })
  expect(found['loss training']).toMatchObject({ last: 0.5, best: 0, bestEpoch: 2 })
  expect(found['loss validation']).toMatchObject({ last: 1.7, best: 1.5, bestEpoch: 1 })
  expect(found['accuracy validation']).toBeUndefined()
})

test('a metric whose name does not tell has no best', () => {
  expect(greaterIsBetter('learning_rate')).toBeNull()
  expect(summarise([{ epoch: 1, before: {}, training: { learning_rate: 0.1 }, validation: {} }])[0]).toMatchObject({
    best: null,
  })
})

test('a learning rate is drawn where it changes, next to the metrics of training', () => {
  const epoch = (number: number, learning_rate: Record<string, number>) => ({
    epoch: number,
    seconds: 1,
    before: {},
    training: { loss: 1 },
    validation: {},
    window: null,
    pseudo_labels: null,
    learning_rate,
    best_epoch: null,
  })
  const same = [epoch(1, { learning_rate: 0.1 }), epoch(2, { learning_rate: 0.1 })]
  expect(constantLearningRate(same)).toEqual({ learning_rate: 0.1 })
  expect(constantLearningRate([epoch(1, {})])).toEqual({})
  const falling = [...same, epoch(3, { learning_rate: 0.05 })]
  expect(constantLearningRate(falling)).toBeNull()
  const drawn = [{ id: 1, name: 'keras', epochs: withLearningRate(falling) }]
  expect(metricNames(drawn)).toEqual(['loss', 'learning_rate'])
  expect(curvesOf(drawn, 'learning_rate')[0]?.points.at(-1)).toEqual([3, 0.05])
})

import { describe, expect, it } from 'vitest'
import type { Configuration, ModelOf } from '~/lib/api'
import { KERAS, TORCH } from '~/testing/frameworks'
import { FIRST_CHAIN } from './chain'
import {
  deployEquivalents,
  deploySentence,
  epochsOf,
  firstValues,
  frameworksOf,
  requestOf,
  splitSentence,
} from './form'
import { FIRST_INCREMENTAL, incrementalValuesOf, sharedMetrics } from './incremental'

const FIRST_VALUES = firstValues([KERAS, TORCH])

/** The first values with other arguments for training with TensorFlow. */
function withFit(fit: string) {
  return { ...FIRST_VALUES, arguments: { ...FIRST_VALUES.arguments, tensorflow: { fit, evaluation: '' } } }
}

function model(id: number, framework: ModelOf['framework']): ModelOf {
  return {
    id,
    name: `model ${id}`,
    framework,
    distributed: false,
    upper_model: null,
    inputs: [],
    outputs: [],
    parameters: 1,
    metrics: [],
  }
}

function configuration(...models: ModelOf[]): Pick<Configuration, 'model_details'> {
  return { model_details: models }
}

describe('deploySentence', () => {
  it('says how many models train how', () => {
    const both = configuration(model(1, 'pytorch'), model(2, 'tensorflow'))
    expect(
      deploySentence(both, { ...withFit('epochs=1'), confusion_matrix: false }, frameworksOf(both, [KERAS, TORCH])),
    ).toBe(
      '2 models train on the stream that you announce to this deployment: one run each, 1 epoch with TensorFlow and ' +
        '10 epochs with PyTorch, in batches of 32. Nothing runs until a stream is announced.',
    )
  })

  it('names what is asked for besides', () => {
    const sentence = deploySentence(configuration(model(1, 'tensorflow')), { ...FIRST_VALUES, gpu: 2 }, [KERAS])
    expect(sentence).toContain('1 model trains')
    expect(sentence).toContain(
      'in one run, 10 epochs, in batches of 32, on 2 GPUs each, and a confusion matrix is computed on the test samples',
    )
  })
})

describe('splitSentence', () => {
  it('says what the arguments mean, and for whom', () => {
    const random = splitSentence(FIRST_VALUES, [KERAS])
    expect(random).toBe('Validation and test samples are random, the same ones each time.')
    const mixed = withFit('epochs=2, shuffle=False')
    expect(splitSentence(mixed, [KERAS])).toContain('The newest samples test')
    expect(splitSentence(mixed, [KERAS])).toContain('because the arguments say shuffle=False')
    expect(splitSentence(mixed, [KERAS, TORCH])).toContain('PyTorch: validation and test samples are random')
    expect(splitSentence({ ...mixed, split: 'content' }, [KERAS])).toBe(random)
  })
})

describe('epochsOf', () => {
  it('knows the names of both frameworks', () => {
    expect(epochsOf(TORCH, 'max_epochs=7')).toBe('7')
    expect(epochsOf(TORCH, 'epochs=3')).toBe('3')
    expect(epochsOf(KERAS, 'shuffle=True')).toBe('1')
  })
})

describe('requestOf', () => {
  it('leaves out arguments of frameworks that are not there', () => {
    const one = configuration(model(1, 'tensorflow'))
    const [only, ...others] = frameworksOf(one, [KERAS, TORCH])
    expect(others).toEqual([])
    const request = requestOf(4, FIRST_VALUES, [only?.name ?? ''])
    expect(request.arguments).toEqual({ tensorflow: { fit: 'epochs=10, shuffle=True' } })
  })
})

describe('deployEquivalents', () => {
  it('quotes for the shell and leaves out what is empty', () => {
    const { cli, python } = deployEquivalents(requestOf(4, FIRST_VALUES, ['pytorch']))
    expect(cli).toContain(
      "kafka-ml deployments create 4 \\\n  --batch-size 32 \\\n  --pytorch-fit 'max_epochs=10, shuffle=True'",
    )
    expect(cli).not.toContain('tensorflow')
    expect(python).toContain('pytorch_fit_arguments="max_epochs=10, shuffle=True"')
    expect(python).toContain('confusion_matrix=True')
    expect(python).not.toContain('mode')
    expect(python).not.toContain('split')
    expect(python).not.toContain('targets')
    const values = { ...FIRST_VALUES, split: 'time', targets: 'features' }
    const other = deployEquivalents(requestOf(4, values, ['pytorch']))
    expect(other.cli).toContain('--split time \\\n  --targets features')
    expect(other.cli).not.toContain('--confusion-matrix')
    expect(other.python).toContain('targets="features"')
  })
})

describe('incremental training', () => {
  const both = configuration(model(1, 'tensorflow'), model(2, 'pytorch'))
  const values = {
    ...FIRST_VALUES,
    mode: 'incremental',
    split: 'time',
    incremental: { ...FIRST_INCREMENTAL, indefinite: true, monitoring_metric: 'loss', change: 'down' as const },
  }

  it('is asked for in milliseconds, with what counts only', () => {
    const request = requestOf(4, values, ['pytorch'])
    expect(request.incremental).toEqual({
      indefinite: true,
      message_poll_timeout: 60_000,
      window_records: 10_000,
      validation_rate: 0.2,
      monitoring_metric: 'loss',
      change: 'down',
      improvement: 0.05,
    })
    expect(request.split).toBeNull()
    const limited = { ...values, incremental: { ...FIRST_INCREMENTAL, stream_timeout: 1.5, validation_rate: '' } }
    expect(requestOf(4, limited, []).incremental).toMatchObject({ stream_timeout: 1_500, validation_rate: null })
    expect(requestOf(4, FIRST_VALUES, [])).not.toHaveProperty('incremental')
  })

  it('comes back from a deployment as it was typed', () => {
    const incremental = {
      ...FIRST_INCREMENTAL,
      stream_timeout: 1_500,
      message_poll_timeout: 60_000,
      validation_rate: null,
    }
    const back = incrementalValuesOf({ ...incremental, window_records: 5, change: null, improvement: 0.1 })
    expect(back).toMatchObject({ stream_timeout: 1.5, message_poll_timeout: 60, validation_rate: '', change: '' })
    expect(incrementalValuesOf(null)).toBe(FIRST_INCREMENTAL)
  })

  it('is said in a sentence, and as a command', () => {
    const sentence = deploySentence(both, values, frameworksOf(both, [KERAS, TORCH]))
    expect(sentence).toContain('2 models learn from the stream that you announce to this deployment, as it arrives')
    expect(sentence).toContain('in windows of at most 10,000 records or 60 s: one run each, 10 epochs with TensorFlow')
    expect(sentence).toContain(
      'It runs until somebody stops it. A version is created whenever loss falls by 0.05 or more',
    )
    const { cli, python } = deployEquivalents(requestOf(4, values, ['pytorch']))
    expect(cli).toContain(
      '--incremental \\\n  --indefinite \\\n  --validation-rate 0.2 \\\n  --monitoring-metric loss \\\n  --change down',
    )
    expect(cli).not.toContain('window')
    expect(python).toContain('incremental={"indefinite": True, "validation_rate": 0.2, "monitoring_metric": "loss"')
  })

  it('offers the metrics that every model has, where they are known', () => {
    const withMetrics = (id: number, ...metrics: string[]) => ({ ...model(id, 'pytorch'), metrics })
    expect(sharedMetrics([withMetrics(1, 'loss', 'mae'), withMetrics(2, 'mae', 'accuracy')])).toEqual(['mae'])
    expect(sharedMetrics([withMetrics(1, 'loss', 'mae'), withMetrics(2)])).toEqual(['loss', 'mae'])
    expect(sharedMetrics([withMetrics(1)])).toEqual(['loss', 'accuracy'])
  })
})

describe('distributed models', () => {
  const chain = configuration(
    { ...model(1, 'tensorflow'), name: 'cloud', distributed: true },
    { ...model(2, 'tensorflow'), name: 'edge', distributed: true, upper_model: 1 },
  )
  const names = ['edge', 'cloud']

  it('sends what they are trained with, and weights of sub-models that are there', () => {
    const request = requestOf(4, { ...FIRST_VALUES, chain: { ...FIRST_CHAIN, loss_weights: weights } }, [], names)
    expect(request.chain).toEqual({ ...FIRST_CHAIN, loss_weights: { edge: 0.5 } })
    const { cli, python } = deployEquivalents(request)
    expect(cli).toContain('--loss-weight edge=0.5')
    expect(cli).not.toContain('--optimizer')
    expect(python).toContain('chain={"loss_weights": {"edge": 0.5}}')
    expect(requestOf(4, FIRST_VALUES, [])).not.toHaveProperty('chain')
  })
  const weights = { edge: 0.5, cloud: 1, gone: 2 }

  it('is one run, and a result for each', () => {
    const sentence = deploySentence(chain, FIRST_VALUES, [KERAS])
    expect(sentence).toContain('1 model trains')
    expect(sentence).toContain('edge → cloud train together, each with its own result. Nothing runs')
  })

  it('watches what exits measure', () => {
    expect(sharedMetrics(chain.model_details, ['mse'])).toEqual(['loss', 'mse'])
  })
})

describe('a deployment of a data set', () => {
  const values = { ...FIRST_VALUES, split: 'time', dataset: { id: 3, version: 2 } }

  it('names the version, and leaves the split to its contract', () => {
    const request = requestOf(4, values, [])
    expect(request).toMatchObject({ dataset: 3, dataset_version: 2, split: null })
    expect(deployEquivalents(request).cli).toContain('--dataset 3 \\\n  --dataset-version 2')
    expect(requestOf(4, FIRST_VALUES, [])).not.toHaveProperty('dataset')
  })

  it('begins at once', () => {
    const sentence = deploySentence({ model_details: [] }, values, [KERAS], 'version 2 of readings')
    expect(sentence).toContain('on version 2 of readings')
    expect(sentence).toContain('Training starts at once.')
  })
})

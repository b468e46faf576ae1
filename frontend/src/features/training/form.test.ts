import { describe, expect, it } from 'vitest'
import type { Configuration, ModelOf } from '~/lib/api'
import {
  deployEquivalents,
  deploySentence,
  epochsOf,
  FIRST_VALUES,
  frameworksOf,
  requestOf,
  splitSentence,
} from './form'

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
  }
}

function configuration(...models: ModelOf[]): Pick<Configuration, 'model_details'> {
  return { model_details: models }
}

describe('deploySentence', () => {
  it('says how many models train how', () => {
    const both = configuration(model(1, 'pytorch'), model(2, 'tensorflow'))
    expect(
      deploySentence(both, { ...FIRST_VALUES, tensorflow_fit_arguments: 'epochs=1', confusion_matrix: false }),
    ).toBe(
      '2 models train on the stream that you announce to this deployment: one run each, 1 epoch with TensorFlow and ' +
        '10 epochs with PyTorch, in batches of 32. Until a stream is announced, nothing runs.',
    )
  })

  it('names what is asked for besides', () => {
    const sentence = deploySentence(configuration(model(1, 'tensorflow')), { ...FIRST_VALUES, gpu: 2 })
    expect(sentence).toContain('1 model trains')
    expect(sentence).toContain('in one run, 10 epochs, in batches of 32, on 2 GPUs each, and the test samples fill')
  })
})

describe('splitSentence', () => {
  it('says what the arguments mean, and for whom', () => {
    const random = splitSentence(FIRST_VALUES, ['tensorflow'])
    expect(random).toBe('Random samples validate and test, the same ones each time.')
    const mixed = { ...FIRST_VALUES, tensorflow_fit_arguments: 'epochs=2, shuffle=False' }
    expect(splitSentence(mixed, ['tensorflow'])).toContain('The newest samples test')
    expect(splitSentence(mixed, ['tensorflow'])).toContain('because the arguments say shuffle=False')
    expect(splitSentence(mixed, ['tensorflow', 'pytorch'])).toContain('PyTorch: random samples')
    expect(splitSentence({ ...mixed, split: 'content' }, ['tensorflow'])).toBe(random)
  })
})

describe('epochsOf', () => {
  it('knows the names of both frameworks', () => {
    expect(epochsOf('pytorch', 'max_epochs=7')).toBe('7')
    expect(epochsOf('pytorch', 'epochs=3')).toBe('3')
    expect(epochsOf('tensorflow', 'shuffle=True')).toBe('1')
  })
})

describe('requestOf', () => {
  it('leaves out arguments of frameworks that are not there', () => {
    const one = configuration(model(1, 'tensorflow'))
    const request = requestOf(4, FIRST_VALUES, frameworksOf(one))
    expect(request.tensorflow_fit_arguments).toBe('epochs=10, shuffle=True')
    expect(request.pytorch_fit_arguments).toBe('')
  })
})

describe('deployEquivalents', () => {
  it('quotes for the shell and leaves out what is empty', () => {
    const { cli, python } = deployEquivalents(requestOf(4, FIRST_VALUES, ['pytorch']))
    expect(cli).toContain(
      "kafka-ml deployments create 4 \\\n  --batch-size 32 \\\n  --pytorch-fit 'max_epochs=10, shuffle=True'",
    )
    expect(cli).not.toContain('tensorflow')
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

import { describe, expect, it } from 'vitest'
import type { Configuration, ModelOf } from '~/lib/api'
import { KERAS, TORCH } from '~/testing/frameworks'
import {
  deployEquivalents,
  deploySentence,
  epochsOf,
  firstValues,
  frameworksOf,
  requestOf,
  splitSentence,
} from './form'

const FIRST_VALUES = firstValues([KERAS, TORCH])

/** The first values with other arguments of training with TensorFlow. */
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
        '10 epochs with PyTorch, in batches of 32. Until a stream is announced, nothing runs.',
    )
  })

  it('names what is asked for besides', () => {
    const sentence = deploySentence(configuration(model(1, 'tensorflow')), { ...FIRST_VALUES, gpu: 2 }, [KERAS])
    expect(sentence).toContain('1 model trains')
    expect(sentence).toContain('in one run, 10 epochs, in batches of 32, on 2 GPUs each, and the test samples fill')
  })
})

describe('splitSentence', () => {
  it('says what the arguments mean, and for whom', () => {
    const random = splitSentence(FIRST_VALUES, [KERAS])
    expect(random).toBe('Random samples validate and test, the same ones each time.')
    const mixed = withFit('epochs=2, shuffle=False')
    expect(splitSentence(mixed, [KERAS])).toContain('The newest samples test')
    expect(splitSentence(mixed, [KERAS])).toContain('because the arguments say shuffle=False')
    expect(splitSentence(mixed, [KERAS, TORCH])).toContain('PyTorch: random samples')
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

/** What the files of a training are for, and how to load them without running anything that they bring along. */
import type { Result } from '~/lib/api'

export interface FileUse {
  what: string
  /** Python that loads it; null where it is loaded with another file. */
  python: string | null
  /** For looking into the run, not for using the model. */
  auxiliary?: boolean
}

const USES: Record<string, FileUse> = {
  'model.keras': {
    what: 'The whole Keras model: layers, weights and compile settings.',
    python: [
      '# pip install keras tensorflow',
      'import keras',
      '',
      '# safe_mode refuses files that bring code along, as models with Lambda layers do. Functions and layers that are',
      '# not of Keras are given by name, such as custom_objects={"softmax_v2": tf.nn.softmax}. model.py needs neither.',
      'model = keras.saving.load_model("FILE", safe_mode=True, compile=False)',
      'model.summary()',
    ].join('\n'),
  },
  'model.weights.h5': {
    what: 'The weights of the Keras model, to load into the model that its code creates. The format holds only numbers: loading it runs no code.',
    python: [
      '# pip install keras tensorflow',
      '# Save model.py of the same training beside it: importing it runs the code of the model, read it first.',
      'from model import load',
      '',
      'model = load("FILE")',
      'model.summary()',
    ].join('\n'),
  },
  'model.safetensors': {
    what: 'The weights of the PyTorch model. The format holds only numbers: loading it runs no code.',
    python: [
      '# pip install torch safetensors',
      'from safetensors.torch import load_file',
      '',
      'weights = load_file("FILE")',
      'for name, tensor in weights.items():',
      '    print(name, tuple(tensor.shape))',
    ].join('\n'),
  },
  'model.py': {
    what: "The model's code with a function that loads the weights. Save the weights, model.weights.h5 or model.safetensors, beside it under that name.",
    python: [
      '# pip install what the first lines of the file name',
      '# Importing it runs the code of the model: read it first.',
      'from model import load',
      '',
      'model = load()',
      'print(model)',
    ].join('\n'),
  },
  'model.onnx': {
    what: 'The same model in a format that runs without its framework, in Python, C++, Java or a browser.',
    python: [
      '# pip install onnxruntime numpy',
      'import onnxruntime',
      '',
      'session = onnxruntime.InferenceSession("FILE", providers=["CPUExecutionProvider"])',
      'for each in session.get_inputs():',
      '    print(each.name, each.type, each.shape)',
      '# answers = session.run(None, {session.get_inputs()[0].name: samples})',
    ].join('\n'),
  },
  'confusion_samples.npz': {
    what: 'The samples behind the cells of the confusion matrix.',
    auxiliary: true,
    python: [
      '# pip install numpy',
      'import numpy as np',
      '',
      'with np.load("FILE", allow_pickle=False) as kept:',
      '    mistakes = kept["actual"] != kept["predicted"]',
      '    print(kept["features"][mistakes].shape)',
    ].join('\n'),
  },
}

export function usageOf(name: string): FileUse {
  return USES[name] ?? { what: 'A file from the training.', python: null }
}

/** The name that the browser saves a version's file under; the API makes the same one. */
export function savedName(result: Pick<Result, 'id' | 'model_name'>, version: number, name: string): string {
  const plain = [...result.model_name].map((letter) => (/[\p{L}\p{N}]/u.test(letter) ? letter : '-')).join('')
  return `${plain.slice(0, 40)}-${result.id}-v${version}-${name}`
}

/** The snippet for a file as it was saved. */
export function loadSnippet(name: string, saved: string): string | null {
  return usageOf(name).python?.replaceAll('FILE', saved) ?? null
}

/**
 * Models to begin with, as source. The demo's are the example's own, which holds each model as a text; the others lie in
 * templates/. tests/mlcode_executor/test_templates.py runs all of them.
 */
import type { FrameworkEnum } from '~/lib/api'
import demo from '../../../../examples/digits/model.py?raw'
import cloudKeras from './templates/cloud_keras.py?raw'
import cnnKeras from './templates/cnn_keras.py?raw'
import cnnPytorch from './templates/cnn_pytorch.py?raw'
import edgeKeras from './templates/edge_keras.py?raw'
import mnistKeras from './templates/mnist_keras.py?raw'
import mnistPytorch from './templates/mnist_pytorch.py?raw'
import regressionKeras from './templates/regression_keras.py?raw'
import regressionPytorch from './templates/regression_pytorch.py?raw'

export interface Template {
  /** In addresses. */
  id: string
  framework: FrameworkEnum
  title: string
  /** What goes in and what comes out. */
  about: string
  /** A name to begin with. */
  name: string
  description: string
  distributed?: boolean
  code: string
}

/** The text that the Python program ``source`` assigns to ``name`` with three double quotes. */
export function textOfConstant(source: string, name: string): string {
  const text = new RegExp(`^${name} = """\\\\\\n([\\s\\S]*?)"""$`, 'm').exec(source)?.[1]
  if (text === undefined) throw new Error(`the example has no text ${name}`)
  return text
}

function pair(
  id: string,
  codes: Record<FrameworkEnum, string>,
  words: Pick<Template, 'title' | 'about' | 'description'>,
): Template[] {
  return (['tensorflow', 'pytorch'] as const).map((framework) => ({
    id: `${id}-${framework}`,
    framework,
    name: `${id}-${framework}`,
    code: codes[framework],
    ...words,
  }))
}

export const TEMPLATES: readonly Template[] = [
  ...pair(
    'mnist',
    { tensorflow: mnistKeras, pytorch: mnistPytorch },
    {
      title: 'MNIST, dense',
      about: '28 × 28 images to 10 classes: the tutorial',
      description: 'Handwritten digits of 28x28 pixels, as in the tutorial',
    },
  ),
  ...pair(
    'digits',
    { tensorflow: textOfConstant(demo, 'KERAS'), pytorch: textOfConstant(demo, 'PYTORCH') },
    {
      title: 'Digits, dense',
      about: '8 × 8 images to 10 classes: the demo, trains in seconds',
      description: 'Handwritten digits of 8x8 pixels',
    },
  ),
  ...pair(
    'cnn',
    { tensorflow: cnnKeras, pytorch: cnnPytorch },
    {
      title: 'MNIST, convolutional',
      about: '28 × 28 images to 10 classes, more exact than dense layers',
      description: 'A convolutional network for images of 28x28 pixels',
    },
  ),
  ...pair(
    'regression',
    { tensorflow: regressionKeras, pytorch: regressionPytorch },
    {
      title: 'Table, regression',
      about: '8 numbers to 1 number',
      description: 'Predicts one number from a row of eight',
    },
  ),
  {
    id: 'cloud-tensorflow',
    framework: 'tensorflow',
    title: 'Distributed: cloud part',
    about: '64 features to 10 classes, above the edge part; checked, and not trained by this version yet',
    name: 'mnist-cloud',
    description: 'The cloud part of a distributed model',
    distributed: true,
    code: cloudKeras,
  },
  {
    id: 'edge-tensorflow',
    framework: 'tensorflow',
    title: 'Distributed: edge part',
    about: '28 × 28 images to 64 features and 10 classes; checked, and not trained by this version yet',
    name: 'mnist-edge',
    description: 'The edge part of a distributed model',
    distributed: true,
    code: edgeKeras,
  },
]

export function templateOf(id: string | undefined): Template | undefined {
  return TEMPLATES.find((each) => each.id === id)
}

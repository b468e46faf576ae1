/**
 * Templates of models as source code. Some are files of the examples, others lie in templates/.
 * tests/mlcode_executor/test_templates.py runs them all.
 */
import type { FrameworkEnum } from '~/lib/api'
import { type Template as Source, WRITINGS } from './writing'

export interface Template extends Source {
  framework: FrameworkEnum
}

/** The purpose of each template that all frameworks have. */
const SHARED: Readonly<Record<string, Pick<Template, 'title' | 'about' | 'description' | 'distributed'>>> = {
  mnist: {
    title: 'MNIST, dense',
    about: '28 × 28 images to 10 classes: the tutorial',
    description: 'Handwritten digits of 28x28 pixels, as in the tutorial',
  },
  digits: {
    title: 'Digits, dense',
    about: '8 × 8 images to 10 classes: the demo, trains in seconds',
    description: 'Handwritten digits of 8x8 pixels',
  },
  cnn: {
    title: 'MNIST, convolutional',
    about: '28 × 28 images to 10 classes, more exact than dense layers',
    description: 'A convolutional network for images of 28x28 pixels',
  },
  regression: {
    title: 'Table, regression',
    about: '8 numbers to 1 number',
    description: 'Predicts one number from a row of eight',
  },
  cloud: {
    title: 'Distributed: cloud',
    about: '64 numbers to 10 classes; the top of the chain, entered first',
    description: 'The cloud tier of a distributed model: answers what the tiers below are not confident about',
    distributed: true,
  },
  fog: {
    title: 'Distributed: fog',
    about: '64 numbers to 64 for the cloud, and to 10 classes',
    description: 'The fog tier of a distributed model: between edge and cloud',
    distributed: true,
  },
  edge: {
    title: 'Distributed: edge',
    about: '28 × 28 images to 64 numbers for the fog, and to 10 classes',
    description: 'The edge tier of a distributed model: nearest to the data',
    distributed: true,
  },
}

export const TEMPLATES: readonly Template[] = Object.entries(SHARED).flatMap(([id, words]) =>
  WRITINGS.flatMap(([framework, { codes }]) => {
    const code = codes[id]
    const name = `${id}-${framework}`
    return code === undefined ? [] : [{ id: name, framework, name, code, ...words }]
  }),
)

export function templateOf(id: string | undefined): Template | undefined {
  return TEMPLATES.find((template) => template.id === id)
}

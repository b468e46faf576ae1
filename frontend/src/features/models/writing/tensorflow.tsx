/** How models of Keras are written. */
import { Code } from '@mantine/core'
import digits from '../../../../../examples/digits/model_tensorflow.py?raw'
import cloud from '../templates/cloud_keras.py?raw'
import cnn from '../templates/cnn_keras.py?raw'
import edge from '../templates/edge_keras.py?raw'
import fog from '../templates/fog_keras.py?raw'
import mnist from '../templates/mnist_keras.py?raw'
import regression from '../templates/regression_keras.py?raw'
import type { Writing } from '../writing'

export const writing: Writing = {
  line: (
    <>
      Leave a compiled <Code>keras.Model</Code> in the variable <Code>model</Code>. <Code>tf</Code>, <Code>keras</Code>{' '}
      and <Code>np</Code> are there without an import.
    </>
  ),
  subModelLine: (
    <>
      Leave one <Code>keras.Model</Code>, not compiled, with two outputs: what goes up, then the prediction; at the top
      the prediction alone. <Code>tf</Code>, <Code>keras</Code> and <Code>np</Code> are there without an import.
    </>
  ),
  rules: [
    <>
      The last lines are usually <Code>model = keras.Sequential([...])</Code> and{' '}
      <Code>model.compile(optimizer=..., loss=..., metrics=[...])</Code>.
    </>,
    <>
      Say the shape of one sample first, without the batch: <Code>keras.Input(shape=(28, 28))</Code>. Without it, the
      weights are made when the first data arrive.
    </>,
    <>
      Class numbers as labels (0, 1, 2, …) go with <Code>sparse_categorical_crossentropy</Code> and a softmax at the
      end; numbers to predict with <Code>mse</Code>.
    </>,
    <>
      A sub-model of a distributed model is one <Code>keras.Model</Code> of any name, not compiled: the deployment says
      how the chain trains. It has two outputs, what goes up and the prediction, and at the top the prediction alone.
    </>,
  ],
  scaling: (
    <>
      in the model (<Code>Rescaling(1 / 255)</Code>)
    </>
  ),
  begins: 'model = keras.Sequential([...',
  marks: /\b(tf|keras|tensorflow)\b/,
  codes: {
    mnist,
    digits,
    cnn,
    regression,
    cloud,
    fog,
    edge,
  },
}

/** How models of PyTorch are written. */
import { Code } from '@mantine/core'
import digits from '../../../../../examples/digits/model_pytorch.py?raw'
import cloud from '../../../../../examples/MNIST_RAW_format/model_cloud_pytorch.py?raw'
import edge from '../../../../../examples/MNIST_RAW_format/model_edge_pytorch.py?raw'
import fog from '../../../../../examples/MNIST_RAW_format/model_fog_pytorch.py?raw'
import cnn from '../templates/cnn_pytorch.py?raw'
import mnist from '../templates/mnist_pytorch.py?raw'
import regression from '../templates/regression_pytorch.py?raw'
import type { Writing } from '../writing'

export const writing: Writing = {
  line: (
    <>
      Leave an <Code>nn.Module</Code> with the methods <Code>loss_fn</Code>, <Code>optimizer</Code> and{' '}
      <Code>metrics</Code> in the variable <Code>model</Code>. <Code>torch</Code>, <Code>nn</Code>, <Code>np</Code> and
      Ignite's metrics are there without an import.
    </>
  ),
  subModelLine: (
    <>
      Leave an <Code>nn.Module</Code> in the variable <Code>model</Code> whose <Code>forward</Code> returns{' '}
      <Code>(to_upper, prediction)</Code>, at the top the prediction alone. <Code>torch</Code>, <Code>nn</Code> and{' '}
      <Code>np</Code> are there without an import.
    </>
  ),
  rules: [
    <>
      The last line is usually <Code>model = MyModel()</Code>.
    </>,
    <>
      <Code>loss_fn(self)</Code> returns a loss such as <Code>nn.CrossEntropyLoss()</Code>, which takes raw scores: no
      softmax at the end.
    </>,
    <>
      <Code>optimizer(self)</Code> returns an optimiser over <Code>self.parameters()</Code>.
    </>,
    <>
      <Code>metrics(self)</Code> returns Ignite metrics by name:{' '}
      <Code>{'{"accuracy": Accuracy(), "loss": Loss(self.loss_fn())}'}</Code>.
    </>,
    <>
      A sub-model of a distributed model needs none of the three methods: the deployment says how the chain trains. Its{' '}
      <Code>forward</Code> returns <Code>(to_upper, prediction)</Code>, and at the top the prediction alone.
    </>,
  ],
  scaling: (
    <>
      in the model (<Code>x.float() / 255</Code>)
    </>
  ),
  begins: 'class MyModel(nn.Module): ...',
  marks: /\b(torch|nn\.Module|loss_fn)\b/,
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

/** How a model is written: one line, and the whole of it to unfold. */
import { Anchor, Code, Collapse, List, Stack, Text } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import type { ReactNode } from 'react'
import type { FrameworkEnum } from '~/lib/api'

const LINE: Record<FrameworkEnum, ReactNode> = {
  tensorflow: (
    <>
      Leave a compiled <Code>keras.Model</Code> in the variable <Code>model</Code>. <Code>tf</Code>, <Code>keras</Code>{' '}
      and <Code>np</Code> are there without an import.
    </>
  ),
  pytorch: (
    <>
      Leave an <Code>nn.Module</Code> with the methods <Code>loss_fn</Code>, <Code>optimizer</Code> and{' '}
      <Code>metrics</Code> in the variable <Code>model</Code>. <Code>torch</Code>, <Code>nn</Code>, <Code>np</Code> and
      Ignite's metrics are there without an import.
    </>
  ),
}

const RULES: Record<FrameworkEnum, readonly ReactNode[]> = {
  tensorflow: [
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
      A part of a distributed model (under Advanced) is one <Code>keras.Model</Code> of any name and need not be
      compiled. This version checks parts, and does not train or serve them yet.
    </>,
  ],
  pytorch: [
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
  ],
}

const COMMON: readonly ReactNode[] = [
  <>
    Samples arrive as they were sent, never scaled: bytes of an image are 0 to 255, so scale them in the model (
    <Code>Rescaling(1 / 255)</Code>, <Code>x.float() / 255</Code>).
  </>,
  <>
    Leave out <Code>fit</Code>, training loops and data: training belongs to the deployment, data come from Kafka.
  </>,
  <>The code runs in an isolated process before it is saved. What it prints is shown beside it.</>,
]

export function HowToWrite({ framework }: { framework: FrameworkEnum }) {
  const [opened, { toggle }] = useDisclosure(false)
  return (
    <Stack gap={4}>
      <Text size="sm" c="dimmed" component="div">
        {LINE[framework]}{' '}
        <Anchor component="button" type="button" size="sm" onClick={toggle} aria-expanded={opened}>
          {opened ? 'Less' : 'How models are written'}
        </Anchor>
      </Text>
      <Collapse expanded={opened}>
        <List size="sm" spacing={4} pb="xs">
          {[...RULES[framework], ...COMMON].map((rule, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a fixed list
            <List.Item key={index}>{rule}</List.Item>
          ))}
        </List>
      </Collapse>
    </Stack>
  )
}

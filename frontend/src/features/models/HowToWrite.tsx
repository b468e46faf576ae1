/** How to write a model: one line, and the details to unfold. */
import { Anchor, Code, Collapse, List, Stack, Text } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import type { ReactNode } from 'react'
import { type Writing, writingOf } from './writing'

const COMMON: readonly ReactNode[] = [
  <>
    Leave out <Code>fit</Code>, training loops and data: the deployment trains, and the data come from Kafka.
  </>,
  <>Before it is saved, the code runs in an isolated process. Its output is shown next to it.</>,
]

function scalingRule(writing: Writing | undefined): ReactNode {
  return <>Samples arrive as they were sent, unscaled: image bytes are 0 to 255, so scale them {writing?.scaling}.</>
}

export function HowToWrite({ framework, distributed }: { framework: string; distributed: boolean }) {
  const writing = writingOf(framework)
  const [opened, { toggle }] = useDisclosure(false)
  return (
    <Stack gap={4}>
      <Text size="sm" c="dimmed" component="div">
        {distributed ? writing?.subModelLine : writing?.line}{' '}
        <Anchor component="button" type="button" size="sm" onClick={toggle} aria-expanded={opened}>
          {opened ? 'Less' : 'How to write a model'}
        </Anchor>
      </Text>
      <Collapse expanded={opened}>
        <List size="sm" spacing={4} pb="xs">
          {[...(writing?.rules ?? []), scalingRule(writing), ...COMMON].map((rule, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a fixed list
            <List.Item key={index}>{rule}</List.Item>
          ))}
        </List>
      </Collapse>
    </Stack>
  )
}

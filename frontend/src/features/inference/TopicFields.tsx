/** The topics that an inference, or a chain of them, reads and answers on. */
import { SimpleGrid, TextInput, type TextInputProps } from '@mantine/core'

export function TopicFields(props: { input: TextInputProps; output: TextInputProps; answers: string }) {
  return (
    <SimpleGrid cols={{ base: 1, xs: 2 }} maw={760}>
      <TextInput label="Input topic" description="Samples to predict are written here" withAsterisk {...props.input} />
      <TextInput label="Output topic" description={props.answers} withAsterisk {...props.output} />
    </SimpleGrid>
  )
}

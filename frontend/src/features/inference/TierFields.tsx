/** The limit of a tier and the topic that it hands records up to. Shown for sub-models that have one above them. */
import { Group, Stack, TextInput } from '@mantine/core'
import type { UseFormReturnType } from '@mantine/form'
import { ResultLink } from '~/components/ButtonLink'
import { SmallPrint } from '~/components/Dimmed'
import { NumberField } from '~/components/NumberField'
import type { DeployForm } from './deploy'

export function TierFields({
  form,
  upper,
  proposed,
}: {
  form: UseFormReturnType<DeployForm>
  upper: string
  /** The limit proposed from the curves of the training. */
  proposed: number | '' | undefined
}) {
  const { result } = form.values
  return (
    <Stack gap="xs" component="section" aria-label="What goes up">
      <Group grow align="flex-start">
        <TextInput
          label="Upper topic"
          description={`Partial predictions, for ${upper}`}
          {...form.getInputProps('upper_topic')}
        />
        <NumberField
          label="Limit"
          description={`Predictions below it go up${proposed ? `; proposed: ${proposed}` : ', between 0 and 1'}`}
          min={0}
          max={1}
          step={0.05}
          decimalScale={6}
          {...form.getInputProps('limit')}
          onChange={(value) => form.setFieldValue('limit', typeof value === 'number' ? value : '')}
        />
      </Group>
      <TextInput
        label="Upper brokers"
        description="Another Kafka cluster for the upper topic, as host:port, comma-separated; delivery is then at least once. Empty: the platform's own"
        {...form.getInputProps('upper_bootstrap_servers')}
      />
      <SmallPrint>
        With both empty, it answers every record itself. Each record ends up in exactly one of the two topics, with its
        key, headers and time.
        {result !== null && (
          <>
            {' '}
            <ResultLink id={Number(result)} search={{ tab: 'limits' }} inherit underline="always">
              How limits work
            </ResultLink>
          </>
        )}
      </SmallPrint>
    </Stack>
  )
}

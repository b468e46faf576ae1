/** Training settings of distributed models, whose code does not contain them. All exits use the same settings. */
import { Autocomplete, Group, Input, Stack, TagsInput, Title } from '@mantine/core'
import { SmallPrint } from '~/components/Dimmed'
import { FieldError } from '~/components/FieldError'
import { NumberField } from '~/components/NumberField'
import type { Framework } from '~/lib/api'
import type { Unit } from '~/lib/units'
import { type ChainValues, namesFor } from './chain'

export function ChainFields({
  chains,
  frameworks,
  values,
  onChange,
  errorOf,
}: {
  /** The chains, each with its lowest sub-model first. */
  chains: readonly Unit[]
  frameworks: readonly Framework[]
  values: ChainValues
  onChange: (change: Partial<ChainValues>) => void
  /** The error of a setting; '' stands for the settings as a whole. */
  errorOf: (field: string) => string | undefined
}) {
  const names = namesFor(chains, frameworks)
  return (
    <Stack gap="sm" component="section" aria-label="Distributed models">
      <div>
        <Title order={2} size="h3">
          {chains.map((chain) => chain.map(({ name }) => name).join(' → ')).join('; ')}
        </Title>
        <SmallPrint>
          The sub-models train together as one network. Every exit gets the same label, loss and metrics. The losses of
          all exits are added, each multiplied by its weight.
        </SmallPrint>
        <FieldError error={errorOf('')} />
      </div>
      <Group gap="xl" align="flex-start">
        <Autocomplete
          label="Optimizer"
          description="How the weights are updated"
          w={260}
          data={[...names.optimizers]}
          value={values.optimizer}
          onChange={(optimizer) => onChange({ optimizer })}
          error={errorOf('optimizer')}
          autoComplete="off"
        />
        <NumberField
          label="Learning rate"
          description="Step size of the optimizer"
          w={260}
          min={0}
          step={0.001}
          decimalScale={8}
          value={values.learning_rate}
          onChange={(learning_rate) => onChange({ learning_rate })}
          error={errorOf('learning_rate')}
        />
      </Group>
      <Group gap="xl" align="flex-start">
        <Autocomplete
          label="Loss function"
          description="Class numbers as labels: sparse_…"
          w={260}
          data={[...names.losses]}
          value={values.loss}
          onChange={(loss) => onChange({ loss })}
          error={errorOf('loss')}
          autoComplete="off"
        />
        <TagsInput
          label="Metrics"
          description="Measured at every exit"
          w={{ base: '100%', sm: 360 }}
          data={[...names.metrics]}
          splitChars={[',', ' ']}
          value={values.metrics}
          onChange={(metrics) => onChange({ metrics })}
          error={errorOf('metrics')}
          acceptValueOnBlur
        />
      </Group>
      <div>
        <Input.Label component="div">Loss weights</Input.Label>
        <SmallPrint mb={5}>
          How much each exit counts in the total loss. More weight on lower exits makes the edge more confident, so more
          samples are answered there. With 0, an exit is not trained directly.
        </SmallPrint>
        <Group gap="md" align="flex-start">
          {chains.flat().map(({ id, name }) => (
            <NumberField
              key={id}
              label={name}
              w={160}
              min={0}
              step={0.1}
              value={values.loss_weights[name] ?? 1}
              onChange={(weight) => onChange({ loss_weights: { ...values.loss_weights, [name]: weight } })}
              error={errorOf(`loss_weights.${name}`)}
            />
          ))}
        </Group>
        <FieldError error={errorOf('loss_weights')} />
      </div>
    </Stack>
  )
}
